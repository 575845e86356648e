// What a policy for an inbound port says, validated and frozen: every default filled in, nothing left to
// check. Made from a message of the API by read-server-policy.ts, or from the name of a default policy by
// default-server-policy.ts; what becomes of it is in src/routing/policy-server-table.ts.
import type { HostMatchConfig, RequestMatchConfig, RouteFilterConfig } from '../config/route-config.js';
import type { Network } from '../core/ip.js';
import type { ResourceInfo } from './resource-info.js';

export interface NetworkMatch {
  readonly network: Network;
  readonly except: readonly Network[];
}

export type ClientAuthentication =
  | { readonly kind: 'anyone' }
  /** TLS of the mesh, with or without an identity. */
  | { readonly kind: 'meshTls' }
  | {
      readonly kind: 'identity';
      /** Exact. */
      readonly identities: readonly string[];
      /** `a.b`: names that end with `.a.b`; empty: every name. Never URIs. */
      readonly suffixes: readonly string[];
    };

/** Allows a client that is in one of the networks and is who is asked for. */
export interface ServerAuthorization {
  readonly meta: ResourceInfo;
  readonly networks: readonly NetworkMatch[];
  readonly authentication: ClientAuthentication;
  /** What it allows is logged. */
  readonly audit: boolean;
}

export interface ServerRule {
  /** One of them must match. Empty: every request. */
  readonly matches: readonly RequestMatchConfig[];
  readonly filters: readonly RouteFilterConfig[];
}

export interface ServerRoute {
  readonly meta: ResourceInfo;
  readonly kind: 'http' | 'grpc';
  /** Empty: any. */
  readonly hosts: readonly HostMatchConfig[];
  /** Its own, then the server's; the first that allows the client decides. Empty: nobody. */
  readonly authorizations: readonly ServerAuthorization[];
  readonly rules: readonly ServerRule[];
}

/** Requests per second; 0: unlimited. The override that names a client stands in for `perIdentity`. */
export interface ServerRateLimit {
  readonly meta: ResourceInfo;
  readonly total: number;
  readonly perIdentity: number;
  readonly overrides: readonly { readonly perSecond: number; readonly identities: readonly string[] }[];
}

/** Connections that are not HTTP: `http1`, `http2` and `grpc` serve none. */
export type ServerProtocol =
  | {
      readonly kind: 'detect';
      readonly timeoutMs: number;
      readonly routes: readonly ServerRoute[];
      readonly rateLimit: ServerRateLimit | undefined;
      readonly connections: readonly ServerAuthorization[];
    }
  | {
      readonly kind: 'http1' | 'http2';
      readonly routes: readonly ServerRoute[];
      readonly rateLimit: ServerRateLimit | undefined;
    }
  | { readonly kind: 'grpc'; readonly routes: readonly ServerRoute[] }
  | { readonly kind: 'opaque' | 'tls'; readonly connections: readonly ServerAuthorization[] };

export interface ServerPolicy {
  readonly meta: ResourceInfo;
  readonly protocol: ServerProtocol;
  /** Why the message was not valid; then this is the policy that refuses everything. */
  readonly misconfiguration: string | undefined;
  /** What was left out of the message, with its path; to be logged once. */
  readonly notes: readonly string[];
}

/** Names of the policies for ports that the control plane has not spoken of (reference §3.2). */
export type DefaultPolicyName =
  | 'deny'
  | 'all-unauthenticated'
  | 'all-authenticated'
  | 'cluster-unauthenticated'
  | 'cluster-authenticated'
  | 'audit';
