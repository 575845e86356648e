// A route table as plain values: names resolved, precedence decided. It is what is sent to the data plane
// (route-table-messages.ts) and what `sluice routes` and the admin server show.
import type {
  DistributionConfig,
  HostMatchConfig,
  RetryConfig,
  RouteConfig,
  RouteFilterConfig,
} from '../config/route-config.js';
import type { ClientAuthentication, NetworkMatch } from '../policy/server-policy.js';
import type { OrderedHost } from './route-table-order.js';

export interface RouteBackend {
  readonly id: number;
  /** `web:80`. */
  readonly name: string;
  /** 0: leads nowhere. */
  readonly targetId: number;
  readonly weight: number;
  readonly filters: readonly RouteFilterConfig[];
}

export interface RouteDistribution {
  /** `empty`: never ready. */
  readonly kind: DistributionConfig['kind'] | 'empty';
  readonly backends: readonly RouteBackend[];
}

export interface RuleTimeouts extends Readonly<RouteConfig['timeouts']> {
  /** From the arrival to the head of the response, over all tries; absent: none. */
  readonly headMs?: number;
}

export interface RuleRetry extends RetryConfig {
  /** Failures and time-outs are not tried again; then a `limit` of 0 is none but the budget. */
  readonly responsesOnly?: boolean;
}

export interface RuleSettings extends Pick<
  RouteConfig,
  'filters' | 'allowRequestOverrides' | 'failureStatuses'
> {
  readonly timeouts: RuleTimeouts;
  readonly retry: RuleRetry | undefined;
}

export interface RouteRule extends RuleSettings {
  readonly id: number;
  /** In messages: `HTTPRoute.web.canary`. */
  readonly name: string;
  /** `profile`: of a ServiceProfile; counted in families of its own. */
  readonly kind: 'http' | 'grpc' | 'profile';
  readonly distribution: RouteDistribution;
  /** Of the budget of its retries; used when they have one. */
  readonly budgetId: number;
  /** Indexes into the authorizations of the server; absent without a server. */
  readonly authorizations?: readonly number[];
}

export interface TcpRoute {
  readonly id: number;
  readonly name: string;
  readonly distribution: RouteDistribution;
  /** Why connections are refused; undefined: they are not. */
  readonly refusal: 'forbidden' | 'invalid' | undefined;
  /** Indexes into the authorizations of the server; absent without a server. */
  readonly authorizations?: readonly number[];
}

/** Connections by the name of the server that they ask for over TLS. */
export interface TlsHost extends HostMatchConfig {
  readonly route: TcpRoute;
}

export interface TableAuthorization {
  readonly id: number;
  readonly name: string;
  readonly networks: readonly NetworkMatch[];
  readonly authentication: ClientAuthentication;
  readonly audit: boolean;
}

/** Requests per second; 0: unlimited. */
export interface TableRateLimit {
  readonly id: number;
  readonly total: number;
  readonly perIdentity: number;
  readonly overrides: readonly { readonly perSecond: number; readonly identities: readonly string[] }[];
}

/** What is asked of the clients of an inbound port. */
export interface TableServer {
  readonly id: number;
  readonly name: string;
  readonly authorizations: readonly TableAuthorization[];
  readonly rateLimit: TableRateLimit | undefined;
}

export interface RouteTable {
  /** Whose requests and connections it decides for. */
  readonly service: string;
  readonly port: number;
  /** In order of precedence, and so are the entries of each. */
  readonly hosts: readonly OrderedHost[];
  readonly rules: readonly RouteRule[];
  /** Undefined: connections that are not HTTP have no way. */
  readonly tcp: TcpRoute | undefined;
  /** For connections of TLS that are passed on as they are; absent: `tcp` decides. */
  readonly tls?: readonly TlsHost[];
  /** For inbound ports. */
  readonly server?: TableServer;
}
