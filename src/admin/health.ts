// /live and /ready: what probes ask. Live is answered as long as the process turns its loop; ready
// once the traffic can flow, and then for good: a probe must not flap.
import { type AdminEndpoint, textResponse } from './http.js';

export const live: AdminEndpoint = () => textResponse(200, 'live\n');

export class Readiness {
  #ready = false;

  markReady(): void {
    this.#ready = true;
  }

  readonly endpoint: AdminEndpoint = () =>
    this.#ready ? textResponse(200, 'ready\n') : { status: 503, body: 'not ready\n' };
}
