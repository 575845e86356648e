// What routes do to requests and connections, from messages of the API.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fromBinary } from '@bufbuild/protobuf';

import type { HttpRoute_FilterSchema, GrpcRoute_FilterSchema } from '../../../src/api/gen/outbound_pb.js';
import { Scheme_Registered, SchemeSchema } from '../../../src/api/gen/http_types_pb.js';
import type { RouteFilterConfig } from '../../../src/config/route-config.js';
import { clientPolicy } from '../../../src/policy/read-client-policy.js';
import { aBalancer, anOpaqueRoute, aPolicy, type Init } from '../../support/policy-messages.js';
import {
  GRPC_RULE,
  grpcPolicyOf,
  grpcRuleOf,
  HTTP_RULE,
  httpPolicyOf,
  httpRuleOf,
} from '../../support/policy-rules.js';

type HttpFilter = Init<typeof HttpRoute_FilterSchema>['kind'];
type GrpcFilter = Init<typeof GrpcRoute_FilterSchema>['kind'];

const text = (value: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(value));
const NO_CHANGE = { scheme: undefined, host: undefined, port: undefined, path: undefined };

for (const [what, kind, expected] of [
  [
    'fails every request without a ratio',
    { case: 'failureInjector', value: { status: 503, message: 'no' } },
    { kind: 'fail', numerator: 1, denominator: 1, answer: { kind: 'http', status: 503 }, message: 'no' },
  ],
  [
    'fails some',
    { case: 'failureInjector', value: { status: 200, ratio: { numerator: 0, denominator: 4 } } },
    { kind: 'fail', numerator: 0, denominator: 4, answer: { kind: 'http', status: 200 }, message: '' },
  ],
  [
    'changes headers of requests',
    {
      case: 'requestHeaderModifier',
      value: {
        add: { headers: [{ name: 'A', value: text('ä') }] },
        set: { headers: [{ name: 'b', value: text('2') }] },
        remove: ['C'],
      },
    },
    {
      kind: 'requestHeaders',
      add: [{ name: 'a', value: 'ä' }],
      set: [{ name: 'b', value: '2' }],
      remove: ['c'],
    },
  ],
  [
    'changes headers of responses',
    { case: 'responseHeaderModifier', value: { remove: ['server'] } },
    { kind: 'responseHeaders', add: [], set: [], remove: ['server'] },
  ],
  [
    'redirects with 301 and no change when nothing else is said',
    { case: 'redirect', value: {} },
    { kind: 'redirect', status: 301, ...NO_CHANGE },
  ],
  [
    'redirects with everything changed',
    {
      case: 'redirect',
      value: {
        status: 307,
        scheme: { type: { case: 'registered', value: Scheme_Registered.HTTPS } },
        host: 'example.com',
        port: 8443,
        path: { replace: { case: 'full', value: '/new?x=1' } },
      },
    },
    {
      kind: 'redirect',
      status: 307,
      scheme: 'https',
      host: 'example.com',
      port: 8443,
      path: { kind: 'whole', text: '/new?x=1' },
    },
  ],
  [
    'redirects to another scheme, an address of IPv6 and another prefix',
    {
      case: 'redirect',
      value: {
        scheme: { type: { case: 'unregistered', value: 'Coap' } },
        host: '[::1]',
        path: { replace: { case: 'prefix', value: '/' } },
      },
    },
    {
      kind: 'redirect',
      status: 301,
      scheme: 'coap',
      host: '[::1]',
      port: undefined,
      path: { kind: 'prefix', text: '/' },
    },
  ],
  [
    'is of an unknown kind, and refuses',
    { case: undefined },
    { kind: 'invalid', message: 'unknown filter type' },
  ],
] as const satisfies readonly (readonly [string, HttpFilter, RouteFilterConfig])[]) {
  test(`a filter ${what}`, () => {
    assert.deepEqual(httpRuleOf({ filters: [{ kind }] }).filters, [expected]);
  });
}

for (const [what, kind, expected] of [
  [
    'an injected status below 200',
    { case: 'failureInjector', value: { status: 199 } },
    'failure_injector.status is no final status',
  ],
  [
    'an injected status above 599',
    { case: 'failureInjector', value: { status: 600 } },
    'failure_injector.status is no final status',
  ],
  [
    'a ratio of nothing',
    { case: 'failureInjector', value: { status: 500, ratio: {} } },
    'failure_injector.ratio.denominator is 0',
  ],
  [
    'a ratio above 1',
    { case: 'failureInjector', value: { status: 500, ratio: { numerator: 3, denominator: 2 } } },
    'failure_injector.ratio.numerator is above the denominator',
  ],
  [
    'a header to add whose name is none',
    { case: 'requestHeaderModifier', value: { add: { headers: [{ name: '' }] } } },
    'request_header_modifier.add.headers[0].name is not the name of a header',
  ],
  [
    'a header to set whose value is none',
    { case: 'responseHeaderModifier', value: { set: { headers: [{ name: 'a', value: text('\n') }] } } },
    'response_header_modifier.set.headers[0].value is not the value of a header',
  ],
  [
    'a header to remove whose name is none',
    { case: 'requestHeaderModifier', value: { remove: ['ok', ':path'] } },
    'request_header_modifier.remove[1] is not the name of a header',
  ],
  [
    'a redirect with a status that is none',
    { case: 'redirect', value: { status: 200 } },
    'redirect.status is no redirection',
  ],
  [
    'a redirect to a port that is none',
    { case: 'redirect', value: { port: 65_536 } },
    'redirect.port is no port',
  ],
  [
    'a redirect to a host with a port',
    { case: 'redirect', value: { host: 'a:80' } },
    'redirect.host is no host',
  ],
  [
    'a redirect to a host that is none',
    { case: 'redirect', value: { host: 'a b' } },
    'redirect.host is no host',
  ],
  [
    'a redirect to a scheme of no kind',
    { case: 'redirect', value: { scheme: {} } },
    'redirect.scheme is no scheme',
  ],
  [
    'a redirect to a scheme of an unknown number',
    {
      case: 'redirect',
      value: { scheme: fromBinary(SchemeSchema, Uint8Array.of(0x08, 7)) },
    },
    'redirect.scheme is no scheme',
  ],
  [
    'a redirect to a scheme that is none',
    { case: 'redirect', value: { scheme: { type: { case: 'unregistered', value: 'a:b' } } } },
    'redirect.scheme is no scheme',
  ],
  [
    'a redirect to a path of no kind',
    { case: 'redirect', value: { path: {} } },
    'redirect.path has no replacement',
  ],
  [
    'a redirect to a path without a slash',
    { case: 'redirect', value: { path: { replace: { case: 'full', value: 'a' } } } },
    'redirect.path.full is not a path that begins with a slash',
  ],
  [
    'a redirect to a prefix without a slash',
    { case: 'redirect', value: { path: { replace: { case: 'prefix', value: '' } } } },
    'redirect.path.prefix is not a path that begins with a slash',
  ],
] as const satisfies readonly (readonly [string, HttpFilter, string])[]) {
  test(`not valid: ${what}`, () => {
    assert.equal(
      httpPolicyOf({ filters: [{ kind }] }).misconfiguration,
      `${HTTP_RULE}.filters[0].${expected}`,
    );
  });
}

for (const [code, expected] of [
  [14, 14],
  [17, 2],
  [65_535, 2],
] as const) {
  test(`calls of gRPC can be failed with the code ${String(code)}, answered as ${String(expected)}`, () => {
    const kind: GrpcFilter = { case: 'failureInjector', value: { code, message: 'm' } };
    assert.deepEqual(grpcRuleOf({ filters: [{ kind }] }).filters, [
      { kind: 'fail', numerator: 1, denominator: 1, answer: { kind: 'grpc', code: expected }, message: 'm' },
    ]);
  });
}

test('not valid: a code of gRPC that does not fit into 16 bits', () => {
  const kind: GrpcFilter = { case: 'failureInjector', value: { code: 65_536 } };
  assert.equal(
    grpcPolicyOf({ filters: [{ kind }] }).misconfiguration,
    `${GRPC_RULE}.filters[0].failure_injector.code is no code of gRPC`,
  );
});

test('what the proxy alone may write, and what is not text, is left out and noted', () => {
  const { protocol, notes } = httpPolicyOf({
    filters: [
      {
        kind: {
          case: 'requestHeaderModifier',
          value: {
            add: { headers: [{ name: 'Host', value: text('x') }] },
            set: { headers: [{ name: 'a', value: Uint8Array.of(0xff) }] },
            remove: ['l5d-client-id', 'b'],
          },
        },
      },
    ],
  });
  assert.ok(protocol.kind === 'http1');
  assert.deepEqual(protocol.http.routes[0]?.rules[0]?.filters, [
    { kind: 'requestHeaders', add: [], set: [], remove: ['b'] },
  ]);
  const at = `${HTTP_RULE}.filters[0].request_header_modifier`;
  assert.deepEqual(notes, [
    `${at}.add.headers[0].name is left out: host is the proxy's own`,
    `${at}.set.headers[0] is left out: its value is not UTF-8`,
    `${at}.remove[0] is left out: l5d-client-id is the proxy's own`,
  ]);
});

test('backends of HTTP have filters of their own', () => {
  const kind: HttpFilter = { case: 'requestHeaderModifier', value: { remove: ['a'] } };
  const { distribution } = httpRuleOf({
    backends: {
      kind: {
        case: 'firstAvailable',
        value: { backends: [{ backend: aBalancer('web.shop:80'), filters: [{ kind }] }] },
      },
    },
  });
  assert.deepEqual(distribution.backends[0]?.filters, [
    { kind: 'requestHeaders', add: [], set: [], remove: ['a'] },
  ]);
});

test('connections are forbidden, or refused with a message; unknown filters refuse them, too', () => {
  const [rule] = anOpaqueRoute().rules;
  const { protocol } = clientPolicy(
    aPolicy({
      case: 'opaque',
      value: {
        routes: [
          anOpaqueRoute({
            rules: [
              {
                ...(rule?.backends === undefined ? {} : { backends: rule.backends }),
                filters: [
                  { kind: { case: 'forbidden', value: {} } },
                  { kind: { case: 'invalid', value: { message: 'why' } } },
                  {},
                ],
              },
            ],
          }),
        ],
      },
    }),
  );
  assert.ok(protocol.kind === 'opaque');
  assert.deepEqual(protocol.opaque?.filters, [
    { kind: 'forbidden' },
    { kind: 'invalid', message: 'why' },
    { kind: 'invalid', message: 'unknown filter type' },
  ]);
});
