// What requests are matched by, from messages of the API.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fromBinary } from '@bufbuild/protobuf';

import type { HostMatchSchema, HttpRouteMatchSchema } from '../../../src/api/gen/http_route_pb.js';
import { HttpMethod_Registered, HttpMethodSchema } from '../../../src/api/gen/http_types_pb.js';
import type { GrpcRouteMatchSchema } from '../../../src/api/gen/grpc_route_pb.js';
import type { HostMatchConfig, RequestMatchConfig } from '../../../src/config/route-config.js';
import { clientPolicy } from '../../../src/policy/read-client-policy.js';
import { aMatch } from '../../support/mesh-configs.js';
import { aHttpRule, aPolicy, type Init, resourceMeta } from '../../support/policy-messages.js';
import {
  GRPC_RULE,
  grpcPolicyOf,
  grpcRuleOf,
  HTTP_RULE,
  httpPolicyOf,
  httpRuleOf,
} from '../../support/policy-rules.js';

type HttpMatch = Init<typeof HttpRouteMatchSchema>;
type HostMatch = Exclude<Init<typeof HostMatchSchema>['match'], undefined>;
type GrpcMatch = Init<typeof GrpcRouteMatchSchema>;

const bytes = (...values: readonly number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
const text = (value: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(value));

for (const [what, message, expected] of [
  ['nothing', {}, aMatch()],
  [
    'an exact path',
    { path: { kind: { case: 'exact', value: '/a' } } },
    aMatch({ path: { kind: 'exact', text: '/a' } }),
  ],
  [
    'a prefix',
    { path: { kind: { case: 'prefix', value: '/a/' } } },
    aMatch({ path: { kind: 'prefix', text: '/a/' } }),
  ],
  [
    'a regular expression for the path',
    { path: { kind: { case: 'regex', value: '/a+' } } },
    aMatch({ path: { kind: 'regex', text: '/a+' } }),
  ],
  [
    'a header, whose name is made lower case',
    { headers: [{ name: 'X-Tester', value: { case: 'exact', value: text('yes') } }] },
    aMatch({ headers: [{ name: 'x-tester', value: { kind: 'exact', text: 'yes' } }] }),
  ],
  [
    'a header that is not ASCII, as bytes',
    { headers: [{ name: 'x', value: { case: 'exact', value: bytes(0xff, 0x20, 0x80) } }] },
    aMatch({ headers: [{ name: 'x', value: { kind: 'bytes', text: 'ff2080' } }] }),
  ],
  [
    'a regular expression for a header',
    { headers: [{ name: 'x', value: { case: 'regex', value: 'v[0-9]' } }] },
    aMatch({ headers: [{ name: 'x', value: { kind: 'regex', text: 'v[0-9]' } }] }),
  ],
  [
    'a query',
    { queryParams: [{ name: 'Q', value: { case: 'exact', value: 'ä' } }] },
    aMatch({ query: [{ name: 'Q', value: { kind: 'exact', text: 'ä' } }] }),
  ],
  [
    'a regular expression for a query',
    { queryParams: [{ name: 'q', value: { case: 'regex', value: '.' } }] },
    aMatch({ query: [{ name: 'q', value: { kind: 'regex', text: '.' } }] }),
  ],
  [
    'a method by its number',
    { method: { type: { case: 'registered', value: HttpMethod_Registered.PATCH } } },
    aMatch({ method: 'PATCH' }),
  ],
  [
    'a method by its name',
    { method: { type: { case: 'unregistered', value: 'PROPFIND' } } },
    aMatch({ method: 'PROPFIND' }),
  ],
] as const satisfies readonly (readonly [string, HttpMatch, RequestMatchConfig])[]) {
  test(`a match may have ${what}`, () => {
    assert.deepEqual(httpRuleOf({ matches: [message] }).matches, [expected]);
  });
}

for (const [what, message, expected] of [
  ['a path of no kind', { path: {} }, 'path has no match'],
  [
    'a bad regular expression for the path',
    { path: { kind: { case: 'regex', value: '(' } } },
    'path.regex is not a regular expression: missing closing ): `(`',
  ],
  [
    'look-ahead, which RE2 has not',
    { path: { kind: { case: 'regex', value: '(?=a)' } } },
    'path.regex is not a regular expression: invalid or unsupported Perl syntax: `(?=`',
  ],
  [
    'a header without a name',
    { headers: [{ value: { case: 'regex', value: '' } }] },
    'headers[0].name is not the name of a header',
  ],
  [
    'a header with a name that is none',
    { headers: [{ name: 'a b', value: { case: 'regex', value: '' } }] },
    'headers[0].name is not the name of a header',
  ],
  ['a header without a value', { headers: [{ name: 'a' }] }, 'headers[0] has no value'],
  [
    'a header with a value that is none',
    { headers: [{ name: 'a', value: { case: 'exact', value: bytes(0x0a) } }] },
    'headers[0].exact is not the value of a header',
  ],
  [
    'a bad regular expression for a header',
    { headers: [{ name: 'a', value: { case: 'regex', value: '[' } }] },
    'headers[0].regex is not a regular expression: missing closing ]: `[`',
  ],
  [
    'a query without a name',
    { queryParams: [{ value: { case: 'exact', value: 'x' } }] },
    'query_params[0].name is empty',
  ],
  ['a query without a value', { queryParams: [{ name: 'q' }] }, 'query_params[0] has no value'],
  [
    'a bad regular expression for a query',
    { queryParams: [{ name: 'q', value: { case: 'regex', value: '*' } }] },
    'query_params[0].regex is not a regular expression: missing argument to repetition operator: `*`',
  ],
  ['a method of no kind', { method: {} }, 'method is no method'],
  [
    'a method of an unknown number',
    { method: fromBinary(HttpMethodSchema, Uint8Array.of(0x08, 99)) },
    'method is no method',
  ],
  [
    'a method that is no token',
    { method: { type: { case: 'unregistered', value: 'GE T' } } },
    'method is no method',
  ],
] as const satisfies readonly (readonly [string, HttpMatch, string])[]) {
  test(`not valid: ${what}`, () => {
    assert.equal(
      httpPolicyOf({ matches: [message] }).misconfiguration,
      `${HTTP_RULE}.matches[0].${expected}`,
    );
  });
}

test('a match of gRPC has a service and a method, either of which may be any, and headers', () => {
  const message: GrpcMatch = {
    rpc: { service: 's' },
    headers: [{ name: 'X', value: { case: 'exact', value: text('1') } }],
  };
  assert.deepEqual(grpcRuleOf({ matches: [message] }).matches, [
    aMatch({
      grpc: { service: 's', method: '' },
      headers: [{ name: 'x', value: { kind: 'exact', text: '1' } }],
    }),
  ]);
});

test('not valid: a match of gRPC without a call', () => {
  assert.equal(grpcPolicyOf({ matches: [{}] }).misconfiguration, `${GRPC_RULE}.matches[0].rpc is missing`);
});

test('not valid: a match of gRPC with a bad header', () => {
  const { misconfiguration } = grpcPolicyOf({ matches: [{ rpc: {}, headers: [{ name: 'x' }] }] });
  assert.equal(misconfiguration, `${GRPC_RULE}.matches[0].headers[0] has no value`);
});

const labels = ['com', 'Example'];

function hostsOf(...hosts: readonly Init<typeof HostMatchSchema>[]): {
  readonly hosts: readonly HostMatchConfig[] | undefined;
  readonly misconfiguration: string | undefined;
} {
  const metadata = resourceMeta('HTTPRoute', 'main');
  const { protocol, misconfiguration } = clientPolicy(
    aPolicy({ case: 'http1', value: { routes: [{ metadata, hosts: [...hosts], rules: [aHttpRule()] }] } }),
  );
  return {
    hosts: protocol.kind === 'http1' ? protocol.http.routes[0]?.hosts : undefined,
    misconfiguration,
  };
}

for (const [what, message, expected] of [
  ['a name, in lower case', { case: 'exact', value: 'Web.Example' }, { host: 'web.example', suffix: false }],
  ['a name without the dot of the root', { case: 'exact', value: 'web.' }, { host: 'web', suffix: false }],
  ['an address of IPv6', { case: 'exact', value: '[::1]' }, { host: '[::1]', suffix: false }],
  [
    'a suffix, from its labels from right to left',
    { case: 'suffix', value: { reverseLabels: labels } },
    { host: 'example.com', suffix: true },
  ],
  ['a suffix without labels, which is any', { case: 'suffix', value: {} }, { host: '', suffix: false }],
] as const satisfies readonly (readonly [string, HostMatch, HostMatchConfig])[]) {
  test(`a host may be ${what}`, () => {
    assert.deepEqual(hostsOf({ match: message }).hosts, [expected]);
  });
}

test('not valid: a host that matches nothing', () => {
  assert.equal(hostsOf({}).misconfiguration, 'protocol.http1.routes[0].hosts[0] has no match');
});

for (const host of ['a:80', 'a/b', 'a@b', 'a b', 'ä', '[::1]:80', 'a'.repeat(256)]) {
  test(`no request can have the host ${host.slice(0, 10)}`, () => {
    const kept = { match: { case: 'exact', value: 'kept' } } as const;
    assert.deepEqual(hostsOf({ match: { case: 'exact', value: host } }, kept).hosts, [
      { host: 'kept', suffix: false },
    ]);
  });
}
