// OutboundPolicies: what the mesh file says of a service's traffic, in the words of the API.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { OutboundPolicySchema } from '../../../src/api/gen/outbound_pb.js';
import { StatusCode } from '../../../src/controller/answer.js';
import { outboundAnswer } from '../../../src/controller/answers-outbound.js';
import { at } from '../../support/mesh-configs.js';
import { codeOf, messageOf, viewOf } from '../../support/mesh-questions.js';

type Json = Record<string, unknown>;

/** A service web on a port of this protocol, with more of its keys, beside an api and a db. */
function file(more: string, protocol = 'detect', rest = ''): string {
  return `services:
  web:
    addresses: [10.96.0.10]
    ports: [{ port: 80, protocol: ${protocol} }]
    endpoints: []
${more}
  api: { ports: [8080], endpoints: [], loadPenalty: { penalty: 2s, maxRetryAfter: 0 } }
  db: { ports: [80, 81], endpoints: [] }
${rest}`;
}

function policy(text: string): Json {
  return messageOf(
    OutboundPolicySchema,
    outboundAnswer(viewOf(text), { kind: 'authority', authority: 'web:80' }),
  ) as Json;
}

/** What is at a path of keys and places. */
function dig(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Json | undefined)?.[key], value);
}

function protocolOf(text: string): Json {
  return policy(text)['protocol'] as Json;
}

/** The only rule of the route at this place of an HTTP/1 policy. */
function rule(route: string, place = 0): Json {
  const routes = dig(
    protocolOf(file(`    routes: [${route.replaceAll('\n', ' ')}]`, 'http1')),
    'http1',
    'routes',
  ) as Json[];
  return dig(routes, place, 'rules', 0) as Json;
}

const WEB_BACKEND = {
  metadata: { resource: { group: 'core', kind: 'Service', name: 'web', namespace: 'mesh', port: 80 } },
  balancer: {
    discovery: { dst: { path: 'web:80' } },
    peakEwma: { defaultRtt: '0.030s', decay: '10s' },
  },
  queue: { capacity: 10_000, failfastTimeout: '3s' },
};
const TO_WEB = { randomAvailable: { backends: [{ backend: { backend: WEB_BACKEND }, weight: 1 }] } };
const DEFAULT_HTTP = { metadata: { default: 'http' }, rules: [{ backends: TO_WEB }] };
const DEFAULT_TCP = { metadata: { default: 'opaq' }, rules: [{ backends: TO_WEB }] };

test('a service with nothing else said is detected, and balanced whatever is spoken', () => {
  assert.deepEqual(policy(file('')), {
    metadata: WEB_BACKEND.metadata,
    protocol: {
      detect: {
        timeout: '10s',
        opaque: { routes: [DEFAULT_TCP] },
        http1: { routes: [DEFAULT_HTTP] },
        http2: { routes: [DEFAULT_HTTP] },
      },
    },
  });
});

test('a virtual address is asked for like the name', () => {
  const view = viewOf(file(''));
  const byAddress = outboundAnswer(view, { kind: 'address', address: at('10.96.0.10:80') });
  assert.deepEqual(messageOf(OutboundPolicySchema, byAddress), policy(file('')));
  const byText = outboundAnswer(view, { kind: 'authority', authority: '10.96.0.10:80' });
  assert.deepEqual(messageOf(OutboundPolicySchema, byText), policy(file('')));
});

test('what is no service is not found, so that its profile decides', () => {
  const view = viewOf(file(''));
  for (const address of ['10.96.0.10:81', '192.0.2.1:80']) {
    assert.equal(
      codeOf(outboundAnswer(view, { kind: 'address', address: at(address) })),
      StatusCode.NOT_FOUND,
    );
  }
  for (const authority of ['nobody:80', 'web:81']) {
    assert.equal(codeOf(outboundAnswer(view, { kind: 'authority', authority })), StatusCode.NOT_FOUND);
  }
  assert.equal(
    codeOf(outboundAnswer(view, { kind: 'authority', authority: 'web:http' })),
    StatusCode.INVALID_ARGUMENT,
  );
});

test('each protocol of a port is told as it is', () => {
  assert.deepEqual(protocolOf(file('', 'http1')), { http1: { routes: [DEFAULT_HTTP] } });
  assert.deepEqual(protocolOf(file('', 'http2')), { http2: { routes: [DEFAULT_HTTP] } });
  assert.deepEqual(protocolOf(file('', 'opaque')), { opaque: { routes: [DEFAULT_TCP] } });
  assert.deepEqual(protocolOf(file('', 'tls')), { tls: { routes: [DEFAULT_TCP] } });
});

test('settings of the balancer and time-outs are those of the file', () => {
  const rest =
    'balancer: { defaultRtt: 5ms, decay: 1m, queueCapacity: 7 }\ntimeouts: { detect: 2s, failFast: 4s }\n';
  const protocol = protocolOf(file('', 'detect', rest));
  assert.equal(dig(protocol, 'detect', 'timeout'), '2s');
  const backend = dig(
    protocol,
    ...['detect', 'http1', 'routes', 0, 'rules', 0, 'backends', 'randomAvailable', 'backends', 0],
    ...['backend', 'backend'],
  );
  assert.deepEqual(dig(backend, 'queue'), { capacity: 7, failfastTimeout: '4s' });
  assert.deepEqual(dig(backend, 'balancer', 'peakEwma'), { defaultRtt: '0.005s', decay: '60s' });
});

test('routes are told in order, each with its name and hosts', () => {
  const routes = 'routes: [{ name: one, hosts: [web.example, "*.web.example"] }, { }]';
  const protocol = protocolOf(file(`    ${routes}`, 'http1'));
  const told = dig(protocol, 'http1', 'routes') as Json[];
  assert.deepEqual(
    told.map((route) => dig(route, 'metadata', 'resource')),
    ['one', 'route-1'].map((name) => ({
      group: 'gateway.networking.k8s.io',
      kind: 'HTTPRoute',
      name,
      namespace: 'mesh',
    })),
  );
  assert.deepEqual(told[0]?.['hosts'], [
    { exact: 'web.example' },
    { suffix: { reverseLabels: ['example', 'web'] } },
  ]);
});

test('every kind of match is told', () => {
  const matches = `[/a, { path: { exact: /b }, method: GET }, { path: { regex: '/c.*' }, method: PURGE },
    { headers: { X-One: '1', x-two: { regex: '2+' } }, query: { q: v, r: { regex: 'w*' } } }]`;
  const one = Buffer.from('1').toString('base64');
  assert.deepEqual(rule(`{ matches: ${matches} }`)['matches'], [
    { path: { prefix: '/a' } },
    { path: { exact: '/b' }, method: { registered: 'GET' } },
    { path: { regex: '/c.*' }, method: { unregistered: 'PURGE' } },
    {
      headers: [
        { name: 'x-one', exact: one },
        { name: 'x-two', regex: '2+' },
      ],
      queryParams: [
        { name: 'q', exact: 'v' },
        { name: 'r', regex: 'w*' },
      ],
    },
  ]);
});

test('every filter of HTTP is told, in order', () => {
  const filters = `[{ requestHeaders: { add: { A: '1' }, set: { b: '2' }, remove: [c] } },
    { responseHeaders: { set: { d: '3' } } }, { fail: { ratio: 1/4, status: 503, message: injected } }]`;
  const value = (text: string): string => Buffer.from(text).toString('base64');
  assert.deepEqual(rule(`{ filters: ${filters} }`)['filters'], [
    {
      requestHeaderModifier: {
        add: { headers: [{ name: 'a', value: value('1') }] },
        set: { headers: [{ name: 'b', value: value('2') }] },
        remove: ['c'],
      },
    },
    {
      responseHeaderModifier: {
        add: {},
        set: { headers: [{ name: 'd', value: value('3') }] },
      },
    },
    { failureInjector: { status: 503, message: 'injected', ratio: { numerator: 1, denominator: 4 } } },
  ]);
});

test('redirects say only what they change', () => {
  const redirect = (text: string): unknown =>
    dig(rule(`{ matches: [/old], filters: [{ redirect: ${text} }] }`), 'filters', 0, 'redirect');
  assert.deepEqual(redirect('{ scheme: https, host: a.example, port: 8443, prefix: /new, status: 308 }'), {
    scheme: { registered: 'HTTPS' },
    host: 'a.example',
    port: 8443,
    path: { prefix: '/new' },
    status: 308,
  });
  assert.deepEqual(redirect('{ path: /there }'), { path: { full: '/there' }, status: 301 });
});

test('backends have their weights, filters, ports and balancers', () => {
  const backends = `[{ service: 'api:8080', weight: 9, filters: [{ requestHeaders: { remove: [x] } }] },
    { service: db, weight: 0 }]`;
  const told = dig(rule(`{ backends: ${backends} }`), 'backends', 'randomAvailable', 'backends') as Json[];
  assert.deepEqual(
    told.map((backend) => [
      dig(backend, 'backend', 'backend', 'balancer', 'discovery', 'dst', 'path'),
      backend['weight'] ?? 0,
    ]),
    [
      ['api:8080', 9],
      ['db:80', 0],
    ],
  );
  assert.deepEqual(dig(told, 0, 'backend', 'filters', 0, 'requestHeaderModifier', 'remove'), ['x']);
  assert.deepEqual(dig(told, 0, 'backend', 'backend', 'balancer', 'penaltyPeakEwma'), {
    defaultRtt: '0.030s',
    decay: '10s',
    penalty: '2s',
    maxRetryAfter: '0s',
  });
});

test('the first ready backend is told as such', () => {
  const told = dig(
    rule('{ backends: [api, db], distribution: first }'),
    'backends',
    'firstAvailable',
    'backends',
  );
  assert.deepEqual(
    (told as Json[]).map((backend) => dig(backend, 'backend', 'balancer', 'discovery', 'dst', 'path')),
    ['api:8080', 'db:80'],
  );
});

test('time-outs, retries and leave to override are told', () => {
  const told = rule(`{ timeouts: { request: 9s, response: 8s, idle: 7s }, allowRequestOverrides: true,
    retry: { limit: 3, on: [500-502, 504], timeout: 1s, maxBody: 1KiB, backoff: { min: 1ms, max: 2ms, jitter: 0.5 } } }`);
  assert.deepEqual(told['timeouts'], { request: '9s', response: '8s', idle: '7s' });
  assert.equal(told['allowL5dRequestHeaders'], true);
  assert.deepEqual(told['retry'], {
    maxRetries: 3,
    maxRequestBytes: 1024,
    conditions: {
      statusRanges: [
        { start: 500, end: 502 },
        { start: 504, end: 504 },
      ],
    },
    timeout: '1s',
    backoff: { minBackoff: '0.001s', maxBackoff: '0.002s', jitterRatio: 0.5 },
  });
});

test('what is not said of a route is not told', () => {
  const told = rule('{ retry: { on: [5xx], backoff: none, maxBody: 0 } }');
  assert.equal(told['timeouts'], undefined);
  assert.equal(told['allowL5dRequestHeaders'], undefined);
  assert.deepEqual(told['retry'], {
    maxRetries: 1,
    conditions: { statusRanges: [{ start: 500, end: 599 }] },
  });
});

test('a circuit breaker of failures in a row is told for HTTP/1 and HTTP/2', () => {
  const protocol = protocolOf(file('    circuitBreaker: { consecutiveFailures: 3, backoff: { min: 2s } }'));
  const accrual = {
    consecutiveFailures: {
      maxFailures: 3,
      backoff: { minBackoff: '2s', maxBackoff: '60s', jitterRatio: 0.5 },
    },
    ejection: { minReadyEndpoints: 1 },
  };
  assert.deepEqual(dig(protocol, 'detect', 'http1', 'failureAccrual'), accrual);
  assert.deepEqual(dig(protocol, 'detect', 'http2', 'failureAccrual'), accrual);
});

test('a circuit breaker of rates is told with both of its rules', () => {
  const text =
    '    circuitBreaker: { successRate: { min: 0.8, window: 5s, minRequests: 4 }, mayEjectLast: true }';
  assert.deepEqual(dig(protocolOf(file(text, 'http2')), 'http2', 'failureAccrual'), {
    unified: {
      successRateThreshold: 0.8,
      decay: '5s',
      minRequests: 4,
      maxConsecutiveFailures: 7,
      backoff: { minBackoff: '1s', maxBackoff: '60s', jitterRatio: 0.5 },
    },
  });
});

test('connections that are not HTTP go where tcp says', () => {
  const text = file('    tcp: { backends: [api], distribution: first }');
  const [route] = dig(protocolOf(text), 'detect', 'opaque', 'routes') as Json[];
  assert.deepEqual(dig(route, 'metadata', 'resource', 'kind'), 'TCPRoute');
  const path = ['rules', 0, 'backends', 'firstAvailable', 'backends', 0, 'backend', 'balancer', 'discovery'];
  assert.deepEqual(dig(route, ...path), { dst: { path: 'api:8080' } });
});

for (const protocol of ['opaque', 'tls']) {
  test(`forbidden connections are forbidden on ports of ${protocol}`, () => {
    const told = dig(protocolOf(file('    tcp: { forbid: true }', protocol)), protocol, 'routes', 0, 'rules');
    assert.deepEqual(told, [{ backends: { empty: {} }, filters: [{ forbidden: {} }] }]);
  });
}

const CALLS = `    routes:
      - name: add
        matches: [{ grpc: { service: shop.Cart, method: Add }, headers: { x: y } }, { grpc: { method: Get } }]
        filters: [{ fail: { grpc: unavailable, percent: 50 } }, { requestHeaders: { remove: [a] } }]
        retry: { grpcOn: [cancelled, unavailable, internal, deadline-exceeded, resource-exhausted] }
      - { kind: grpc, retry: { grpcOn: [unavailable] } }
`;

for (const protocol of ['http2', 'detect']) {
  test(`a service with routes of gRPC only is told as gRPC on ports of ${protocol}`, () => {
    const [add, rest] = dig(protocolOf(file(CALLS, protocol)), 'grpc', 'routes') as Json[];
    assert.equal(dig(add, 'metadata', 'resource', 'kind'), 'GRPCRoute');
    assert.deepEqual(dig(add, 'rules', 0, 'matches'), [
      {
        rpc: { service: 'shop.Cart', method: 'Add' },
        headers: [{ name: 'x', exact: Buffer.from('y').toString('base64') }],
      },
      { rpc: { method: 'Get' } },
    ]);
    assert.deepEqual(dig(add, 'rules', 0, 'filters'), [
      { failureInjector: { code: 14, ratio: { numerator: 500_000, denominator: 1_000_000 } } },
      { requestHeaderModifier: { add: {}, set: {}, remove: ['a'] } },
    ]);
    assert.deepEqual(dig(add, 'rules', 0, 'retry', 'conditions'), {
      cancelled: true,
      deadineExceeded: true,
      resourceExhausted: true,
      internal: true,
      unavailable: true,
    });
    assert.deepEqual(dig(rest, 'rules', 0, 'retry', 'conditions'), { unavailable: true });
  });
}

test('calls among requests of HTTP are matched by their path', () => {
  const routes = `    routes:
      - matches: [{ grpc: { service: shop.Cart, method: Add } }, { grpc: { service: shop.Cart } }, { grpc: { method: Get } }]
        retry: { on: [503], grpcOn: [unavailable] }
      - {}
`;
  const [calls] = dig(protocolOf(file(routes)), 'detect', 'http2', 'routes') as Json[];
  assert.equal(dig(calls, 'metadata', 'resource', 'kind'), 'GRPCRoute');
  const method = { registered: 'POST' };
  assert.deepEqual(dig(calls, 'rules', 0, 'matches'), [
    { path: { exact: '/shop.Cart/Add' }, method },
    { path: { prefix: '/shop.Cart' }, method },
    { path: { regex: '/[^/]+/Get' }, method },
  ]);
  assert.deepEqual(dig(calls, 'rules', 0, 'retry', 'conditions'), {
    statusRanges: [{ start: 503, end: 503 }],
  });
});

test('other connections to a port with calls only keep their way when tcp is said', () => {
  const protocol = protocolOf(file(`${CALLS}    tcp: { backends: [api] }`));
  assert.deepEqual(Object.keys(protocol), ['detect']);
});
