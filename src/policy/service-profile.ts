// What a ServiceProfile says (the older way to describe routes), validated and frozen. Made from a message
// of the API by read-service-profile.ts; what becomes of it is in src/routing/policy-profile-table.ts.
import type { RequestMatchConfig, RetryConfig, StatusRangeConfig } from '../config/route-config.js';
import type { MeshEndpoint } from '../control/mesh-endpoint.js';

export interface ProfileRoute {
  /** One of them must match. Empty: nothing does. */
  readonly matches: readonly RequestMatchConfig[];
  /** What counts as a failed response. */
  readonly failureStatuses: readonly StatusRangeConfig[];
  /** Until the head of the response, over all tries; 0: none. */
  readonly timeoutMs: number;
  /** Failed responses are tried again as the budget allows. */
  readonly retryable: boolean;
  /** Labels of metrics, without their prefix `rt_`. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface ServiceProfile {
  /** Of the service, without port. Undefined: it is none that has a name. */
  readonly name: string | undefined;
  /** The first that matches decides; requests that none matches are not retried. */
  readonly routes: readonly ProfileRoute[];
  /** Undefined: nothing is retried. */
  readonly retryBudget: Exclude<RetryConfig['budget'], undefined> | undefined;
  /** Where requests go in place of the service: `name:port`, each drawn by its weight, which is not 0. */
  readonly overrides: readonly { readonly authority: string; readonly weight: number }[];
  /** Connections are never looked into. */
  readonly opaque: boolean;
  /** The one endpoint that the address stands for. */
  readonly endpoint: MeshEndpoint | undefined;
  /** What was left out of the message, with its path; to be logged once. */
  readonly notes: readonly string[];
}
