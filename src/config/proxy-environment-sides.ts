// The part of the configuration of `sluice proxy` that incoming and outgoing traffic each have.
import {
  type Http2ServerConfig,
  type InboundConfig,
  type OutboundConfig,
  type SideConfig,
} from './proxy-config.js';
import { type ProxyVariableReader } from './proxy-variable-reader.js';
import { OWN_VARIABLES } from './proxy-variables-own.js';
import { DESTINATION_VARIABLES, POLICY_VARIABLES } from './proxy-variables-services.js';
import { INBOUND_VARIABLES, OUTBOUND_VARIABLES, type SideVariables } from './proxy-variables-sides.js';

/** Two values that say something only together. */
function pair<T>(one: T | undefined, other: T | undefined): readonly [T, T] | undefined {
  return one === undefined || other === undefined ? undefined : [one, other];
}

function http2Server(reader: ProxyVariableReader, its: SideVariables['http2Server']): Http2ServerConfig {
  const adaptive = reader.read(its.adaptive);
  const windows = pair(reader.find(its.streamWindow), reader.find(its.connectionWindow)) ?? [
    reader.defaultOf(its.streamWindow),
    reader.defaultOf(its.connectionWindow),
  ];
  const pings = pair(reader.find(its.pingInterval), reader.find(its.pingTimeout));
  return {
    windows: adaptive ? 'adaptive' : { streamBytes: windows[0], connectionBytes: windows[1] },
    keepalive: pings === undefined ? undefined : { intervalMs: pings[0], timeoutMs: pings[1] },
    maxConcurrentStreams: reader.find(its.maxStreams),
    maxFrameBytes: reader.find(its.maxFrame),
    maxHeaderListBytes: reader.find(its.maxHeaderList),
    maxPendingResets: reader.find(its.maxPendingResets),
    maxSendBufferBytes: reader.find(its.maxSendBuffer),
  };
}

function side(reader: ProxyVariableReader, its: SideVariables): Omit<SideConfig, 'originalDestination'> {
  return {
    detectTimeoutMs: reader.read(its.detectTimeout),
    httpQueue: { capacity: reader.read(its.httpQueue), failfastMs: reader.read(its.httpFailfast) },
    maxInFlight: reader.read(its.maxInFlight),
    accept: {
      keepaliveMs: reader.find(its.acceptKeepalive),
      userTimeoutMs: reader.find(its.acceptUserTimeout),
      backlog: reader.find(its.backlog),
    },
    connect: {
      timeoutMs: reader.read(its.connectTimeout),
      keepaliveMs: reader.find(its.connectKeepalive),
      userTimeoutMs: reader.find(its.connectUserTimeout),
      backoff: reader.backoff(its.backoff),
    },
    http1Pool: { maxIdlePerEndpoint: reader.read(its.maxIdle), idleMs: reader.read(its.poolIdle) },
    discoveryIdleMs: reader.read(its.discoveryIdle),
    http2Server: http2Server(reader, its.http2Server),
  };
}

/** `hasClusterNetworks`: the policies that speak of the cluster can be chosen. */
function defaultPolicy(
  reader: ProxyVariableReader,
  hasClusterNetworks: boolean,
): InboundConfig['defaultPolicy'] {
  const variable = POLICY_VARIABLES.defaultPolicy;
  const name = reader.read(variable);
  if (!reader.isSet(variable)) {
    reader.tell('warn', { policy: name }, `${variable.name} is not set: the default is used`);
  }
  const needsNetworks = name.startsWith('cluster-') || name === 'audit';
  if (needsNetworks && !hasClusterNetworks) {
    reader.reject(variable, `it needs ${POLICY_VARIABLES.clusterNetworks.name} to be set`);
  }
  return name;
}

export function inboundConfig(reader: ProxyVariableReader, hasClusterNetworks: boolean): InboundConfig {
  const ips = reader.find(INBOUND_VARIABLES.ips) ?? [];
  if (!reader.isSet(INBOUND_VARIABLES.ips)) {
    reader.tell(
      'info',
      {},
      `${INBOUND_VARIABLES.ips.name} is not set: no connection is refused for its address`,
    );
  }
  return {
    ...side(reader, INBOUND_VARIABLES),
    ips,
    defaultPolicy: defaultPolicy(reader, hasClusterNetworks),
    ports: reader.read(POLICY_VARIABLES.ports),
    opaquePorts: reader.read(POLICY_VARIABLES.opaquePorts),
    gatewaySuffixes: reader.read(POLICY_VARIABLES.gatewaySuffixes),
    profileTimeoutMs: reader.read(DESTINATION_VARIABLES.profileTimeout),
    authorityLabels: reader.read(INBOUND_VARIABLES.authorityLabels) === 'unsafe',
    originalDestination: reader.find(OWN_VARIABLES.inboundOriginalDestination),
  };
}

export function outboundConfig(reader: ProxyVariableReader): OutboundConfig {
  const ingressMode = reader.read(OUTBOUND_VARIABLES.ingressMode);
  return {
    ...side(reader, OUTBOUND_VARIABLES),
    tcpQueue: {
      capacity: reader.read(OUTBOUND_VARIABLES.tcpQueue),
      failfastMs: reader.read(OUTBOUND_VARIABLES.tcpFailfast),
    },
    disableInformationalHeaders: reader.find(OUTBOUND_VARIABLES.disableInformationalHeaders) ?? ingressMode,
    hostnameLabels: reader.read(OUTBOUND_VARIABLES.hostnameLabels),
    ingressMode,
    allowLoopback: reader.read(OWN_VARIABLES.allowLoopback),
    originalDestination: reader.find(OWN_VARIABLES.outboundOriginalDestination),
  };
}
