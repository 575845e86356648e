// Which port of a service a backend of a route means.
import type { BackendConfig } from './route-config.js';

/** What the file says; else the port that was connected to when the service has it, else its only one. */
export function backendPort({ port }: BackendConfig, ports: readonly number[], connected: number): number {
  if (port !== undefined) return port;
  return ports.includes(connected) ? connected : (ports[0] ?? connected);
}
