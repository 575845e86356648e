// A route table as plain values: names resolved, precedence decided. It is what is sent to the data plane
// (route-table-messages.ts) and what `sluice routes` and the admin server show.
import type { DistributionConfig, RouteConfig, RouteFilterConfig } from '../config/route-config.js';
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
  readonly kind: DistributionConfig['kind'];
  readonly backends: readonly RouteBackend[];
}

export type RuleSettings = Pick<
  RouteConfig,
  'filters' | 'timeouts' | 'retry' | 'allowRequestOverrides' | 'failureStatuses'
>;

export interface RouteRule extends RuleSettings {
  readonly id: number;
  /** In messages: `HTTPRoute.web.canary`. */
  readonly name: string;
  readonly kind: 'http' | 'grpc';
  readonly distribution: RouteDistribution;
  /** Of the budget of its retries; used when they have one. */
  readonly budgetId: number;
}

export interface TcpRoute {
  readonly id: number;
  readonly name: string;
  readonly distribution: RouteDistribution;
  readonly forbid: boolean;
}

export interface RouteTable {
  /** Whose requests and connections it decides for. */
  readonly service: string;
  readonly port: number;
  /** In order of precedence, and so are the entries of each. */
  readonly hosts: readonly OrderedHost[];
  readonly rules: readonly RouteRule[];
  readonly tcp: TcpRoute;
}
