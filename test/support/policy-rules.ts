// For tests of what rules say: one rule in a policy of its own.
import assert from 'node:assert/strict';

import type { GrpcRoute_RuleSchema, HttpRoute_RuleSchema } from '../../src/api/gen/outbound_pb.js';
import type { ClientPolicy, PolicyRule } from '../../src/policy/client-policy.js';
import { clientPolicy } from '../../src/policy/read-client-policy.js';
import { aGrpcPolicy, aGrpcRule, aHttpRule, anHttpPolicy, type Init } from './policy-messages.js';

export type HttpRuleInit = Init<typeof HttpRoute_RuleSchema>;
export type GrpcRuleInit = Init<typeof GrpcRoute_RuleSchema>;

export const HTTP_RULE = 'protocol.http1.routes[0].rules[0]';
export const GRPC_RULE = 'protocol.grpc.routes[0].rules[0]';

export function httpPolicyOf(parts: HttpRuleInit): ClientPolicy {
  return clientPolicy(anHttpPolicy(aHttpRule(parts)));
}

export function grpcPolicyOf(parts: GrpcRuleInit): ClientPolicy {
  return clientPolicy(aGrpcPolicy(aGrpcRule(parts)));
}

export function httpRuleOf(parts: HttpRuleInit): PolicyRule {
  return onlyRule(httpPolicyOf(parts));
}

export function grpcRuleOf(parts: GrpcRuleInit): PolicyRule {
  return onlyRule(grpcPolicyOf(parts));
}

function onlyRule({ protocol, misconfiguration }: ClientPolicy): PolicyRule {
  assert.equal(misconfiguration, undefined);
  assert.ok(protocol.kind === 'http1' || protocol.kind === 'grpc');
  const rule = protocol.http.routes[0]?.rules[0];
  assert.ok(rule !== undefined);
  return rule;
}
