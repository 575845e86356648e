// What happens to connections to one address: the choice between what its policy and its profile say, and
// what stands in where there is no policy (reference, behaviour §4.1, §4.2). Pure: asked again whenever one of
// them has changed.
import type { StreamState } from '../control/control-plane.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import type { ClientPolicy, ConnectionRoute, HttpPolicy, TlsConnectionRoute } from './client-policy.js';
import type { ResourceInfo } from './resource-info.js';
import type { ServiceProfile } from './service-profile.js';
import { bareEndpoint, forwardingClientPolicy } from './synthesized-policy.js';

/** To where the profile says: its overrides, or the service itself. */
export interface PlannedProfile {
  readonly kind: 'profile';
  readonly profile: ServiceProfile;
  /** `name:port` of the service. */
  readonly authority: string;
}

export type PlannedHttp =
  | PlannedProfile
  /** What HTTP/1 clients get, and HTTP/2 clients. */
  | { readonly kind: 'policy'; readonly http1: HttpPolicy; readonly http2: HttpPolicy };

export type PlannedConnections =
  | PlannedProfile
  /** Undefined: there is no way for them. */
  | { readonly kind: 'policy'; readonly route: ConnectionRoute | undefined };

export interface ServedPlan {
  readonly kind: 'serve';
  /** What the routes of the policy belong to. */
  readonly meta: ResourceInfo;
  readonly protocol: 'detect' | 'http1' | 'http2' | 'opaque' | 'tls';
  readonly http: PlannedHttp;
  /** Those that are not HTTP. */
  readonly connections: PlannedConnections;
  /** With `tls`: by the name of the server. */
  readonly tls: readonly TlsConnectionRoute[];
}

export type OutboundPlan =
  /** Something is not known yet; connections wait. */
  | { readonly kind: 'pending' }
  /** Connections fail. */
  | { readonly kind: 'fail'; readonly reason: string }
  | ServedPlan;

export interface OutboundKnowledge {
  /** Its port is that of the service, too. */
  readonly address: HostPort;
  readonly policy: StreamState<ClientPolicy>;
  /** Undefined: it is not asked for, the address being outside of the networks that have profiles. */
  readonly profile: StreamState<ServiceProfile> | undefined;
}

/** gRPC statuses that say: there is no policy for this address. */
const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

export function outboundPlan(knowledge: OutboundKnowledge): OutboundPlan {
  const { address, policy, profile: profileState } = knowledge;
  if (policy.kind === 'pending' || profileState?.kind === 'pending') return { kind: 'pending' };
  const profile = profileState?.kind === 'known' ? profileState.value : undefined;
  if (policy.kind === 'known') return served(address, policy.value, profile);
  if (policy.code === NOT_FOUND || policy.code === UNIMPLEMENTED) {
    return served(address, standIn(address, profile), profile);
  }
  return { kind: 'fail', reason: `no policy for ${formatHostPort(address)}: ${policy.message}` };
}

function standIn(address: HostPort, profile: ServiceProfile | undefined): ClientPolicy {
  const endpoint = profile?.endpoint ?? bareEndpoint(address);
  return forwardingClientPolicy(profile === undefined ? 'fallback' : 'endpoint', endpoint);
}

function served(
  address: HostPort,
  { meta, protocol }: ClientPolicy,
  profile: ServiceProfile | undefined,
): ServedPlan {
  const planned = plannedProfile(address, profile);
  const overrides = profile !== undefined && profile.overrides.length > 0;
  const routes = profile !== undefined && profile.routes.length > 0;
  return {
    kind: 'serve',
    meta,
    protocol: profile?.opaque === true ? 'opaque' : spoken(protocol),
    http: planned !== undefined && (routes || overrides) ? planned : httpOf(protocol),
    connections: planned !== undefined && overrides ? planned : connectionsOf(protocol),
    tls: protocol.kind === 'tls' ? protocol.routes : [],
  };
}

/** Undefined when there is none, or it is of nothing that has a name. */
function plannedProfile({ port }: HostPort, profile: ServiceProfile | undefined): PlannedProfile | undefined {
  if (profile?.name === undefined) return undefined;
  return { kind: 'profile', profile, authority: `${profile.name}:${String(port)}` };
}

function spoken({ kind }: ClientPolicy['protocol']): ServedPlan['protocol'] {
  return kind === 'grpc' ? 'http2' : kind;
}

const NO_ROUTES: HttpPolicy = { routes: [], failureAccrual: undefined };

function httpOf(protocol: ClientPolicy['protocol']): PlannedHttp {
  switch (protocol.kind) {
    case 'detect':
      return { kind: 'policy', http1: protocol.http1, http2: protocol.http2 };
    case 'http1':
    case 'http2':
    case 'grpc':
      return { kind: 'policy', http1: protocol.http, http2: protocol.http };
    case 'opaque':
    case 'tls':
      return { kind: 'policy', http1: NO_ROUTES, http2: NO_ROUTES };
  }
}

function connectionsOf(protocol: ClientPolicy['protocol']): PlannedConnections {
  const route = protocol.kind === 'detect' || protocol.kind === 'opaque' ? protocol.opaque : undefined;
  return { kind: 'policy', route };
}
