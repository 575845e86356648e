// For tests of route tables of policies and profiles: the table of one address, with what targets were asked for.
import assert from 'node:assert/strict';

import { create } from '@bufbuild/protobuf';

import { DestinationProfileSchema } from '../../src/api/gen/destination_pb.js';
import type { HttpRouteSchema, OutboundPolicy } from '../../src/api/gen/outbound_pb.js';
import { outboundPlan } from '../../src/policy/outbound-plan.js';
import { clientPolicy } from '../../src/policy/read-client-policy.js';
import { serviceProfile } from '../../src/policy/read-service-profile.js';
import { PolicyIds } from '../../src/routing/policy-ids.js';
import { type BackendUse, planRouteTable } from '../../src/routing/policy-route-table.js';
import type { RouteTable } from '../../src/routing/route-table.js';
import { anOpaqueRoute, aPolicy, type Init, seconds } from './policy-messages.js';

export interface Compiled {
  readonly table: RouteTable;
  /** In the order in which targets were asked for; their ids begin with 1. */
  readonly uses: readonly BackendUse[];
  readonly ids: PolicyIds;
}

/** Of 10.96.0.1:8080. */
export function compiledTable(
  policy: OutboundPolicy,
  profile?: Init<typeof DestinationProfileSchema>,
  ids = new PolicyIds(),
): Compiled {
  const plan = outboundPlan({
    address: { ip: '10.96.0.1', port: 8080 },
    policy: { kind: 'known', value: clientPolicy(policy) },
    profile: profile && { kind: 'known', value: serviceProfile(create(DestinationProfileSchema, profile)) },
  });
  assert.ok(plan.kind === 'serve');
  const uses: BackendUse[] = [];
  const table = planRouteTable(plan, 8080, {
    ids,
    targetOf: (use) => uses.push(use),
  });
  return { table, uses, ids };
}

/** Host, path, version of HTTP and route of each entry, in order. */
export function entriesOf({ hosts, rules }: RouteTable): readonly string[] {
  return hosts.flatMap(({ host: name, entries }) =>
    entries.map(({ match, rule }) => {
      const version = match?.version === undefined ? '' : ` HTTP/${String(match.version)}`;
      return `${name || '*'} ${match?.path?.text ?? 'any'}${version} ${rules[rule]?.name ?? ''}`;
    }),
  );
}

/** Endpoints are taken out after failures in a row. */
export const accrual = (maxFailures: number): object => ({
  kind: {
    case: 'consecutiveFailures',
    value: { maxFailures, backoff: { minBackoff: seconds(1), maxBackoff: seconds(2) } },
  },
});

/** `failures`: after which endpoints of HTTP/1 are taken out; 0: never. */
export function detecting(
  http1: Init<typeof HttpRouteSchema>[],
  http2: Init<typeof HttpRouteSchema>[],
  failures = 0,
): OutboundPolicy {
  return aPolicy({
    case: 'detect',
    value: {
      timeout: seconds(10),
      http1: { routes: http1, ...(failures === 0 ? {} : { failureAccrual: accrual(failures) }) },
      http2: { routes: http2 },
      opaque: { routes: [anOpaqueRoute()] },
    },
  });
}
