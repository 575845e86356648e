// What happens to connections to one address: the choice between what its policy and its profile say
// (reference §4.1, §4.2).
import type { StreamState } from '../control/control-plane.js';
import type { HostPort } from '../core/ip.js';
import type { ClientPolicy, ConnectionRoute, HttpPolicy, TlsConnectionRoute } from './client-policy.js';
import type { ResourceInfo } from './resource-info.js';
import type { ServiceProfile } from './service-profile.js';

/** Requests by a profile: to its overrides, or to the service itself. */
export interface ProfileHttp {
  readonly kind: 'profile';
  readonly profile: ServiceProfile;
  /** `name:port` of the service. */
  readonly authority: string;
}

export type PlannedHttp =
  | ProfileHttp
  /** What HTTP/1 clients get, and HTTP/2 clients. */
  | { readonly kind: 'policy'; readonly http1: HttpPolicy; readonly http2: HttpPolicy };

export type PlannedConnections =
  | ProfileHttp
  /** Undefined: there is no way for them. */
  | { readonly kind: 'policy'; readonly route: ConnectionRoute | undefined };

export type OutboundPlan =
  /** Neither is known yet; connections wait. */
  | { readonly kind: 'pending' }
  /** Connections fail. */
  | { readonly kind: 'fail'; readonly reason: string }
  | {
      readonly kind: 'serve';
      /** What the routes belong to. */
      readonly meta: ResourceInfo;
      readonly protocol: 'detect' | 'http1' | 'http2' | 'opaque' | 'tls';
      readonly http: PlannedHttp;
      readonly connections: PlannedConnections;
      /** With `tls`: by the name of the server. */
      readonly tls: readonly TlsConnectionRoute[];
      /** Why the policy refuses everything. */
      readonly misconfiguration: string | undefined;
    };

export interface OutboundKnowledge {
  /** The port is that of the service, too. */
  readonly address: HostPort;
  readonly policy: StreamState<ClientPolicy>;
  /** Undefined: it is not asked for, the address being outside of the networks that have profiles. */
  readonly profile: StreamState<ServiceProfile> | undefined;
}

export declare function outboundPlan(knowledge: OutboundKnowledge): OutboundPlan;
