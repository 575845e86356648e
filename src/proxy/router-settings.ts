// What the routers need of the proxy's configuration.
import { type ProxyConfig, type SideConfig } from '../config/proxy-config.js';
import { type ConnectSettings, type ProxySettings } from '../routing/proxy-settings.js';

/** Asked when they are known: ports that the kernel may choose. */
export interface BoundPorts {
  readonly inbound: () => number | undefined;
  readonly admin: number | undefined;
}

export function routerSettings(config: ProxyConfig, ports: BoundPorts): ProxySettings {
  const { inbound, outbound } = config;
  return {
    outbound: {
      connect: connectSettings(outbound),
      httpQueue: queue(outbound.httpQueue),
      tcpQueue: queue(outbound.tcpQueue),
      detectTimeoutMs: outbound.detectTimeoutMs,
      discoveryIdleMs: outbound.discoveryIdleMs,
      profileNetworks: config.destination.profileNetworks,
      allowLoopback: outbound.allowLoopback,
    },
    inbound: {
      connect: connectSettings(inbound),
      detectTimeoutMs: inbound.detectTimeoutMs,
      discoveryIdleMs: inbound.discoveryIdleMs,
      ports: inbound.ports,
      adminPort: ports.admin,
      opaquePorts: inbound.opaquePorts,
      defaultPolicy: inbound.defaultPolicy,
      clusterNetworks: config.policy.clusterNetworks,
      ownPort: ports.inbound,
      source: undefined,
    },
    ownAddresses: new Set(inbound.ips),
  };
}

function queue({ capacity, failfastMs }: SideConfig['httpQueue']): { capacity: number; failFastMs: number } {
  return { capacity, failFastMs: failfastMs };
}

function connectSettings({ connect, http1Pool }: SideConfig): ConnectSettings {
  return {
    timeoutMs: connect.timeoutMs,
    backoff: connect.backoff,
    poolMaxIdle: http1Pool.maxIdlePerEndpoint,
    poolIdleMs: http1Pool.idleMs,
  };
}
