// Routes of a service in the mesh file, and how its endpoints are judged: what good ones mean.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { ServiceConfig } from '../../../src/config/mesh-config.js';
import { formatMeshFileError, parseMeshFile } from '../../../src/config/parse-mesh-file.js';
import type { RouteConfig } from '../../../src/config/route-config.js';
import { fileWithWeb } from '../../support/mesh-file-text.js';

function service(more: string): ServiceConfig {
  const parsed = parseMeshFile(fileWithWeb(more), 'mesh.yaml');
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.map(formatMeshFileError).join('\n'));
  const [web] = parsed.value.services;
  assert.ok(web !== undefined);
  return web;
}

function route(text: string): RouteConfig {
  const [first] = service(`routes: [${text}]`).routes;
  assert.ok(first !== undefined);
  return first;
}

describe('a good route', () => {
  test('says nothing but its name, and takes every request to the service itself', () => {
    assert.deepEqual(route('{}'), {
      name: 'route-0',
      kind: 'http',
      hosts: [],
      matches: [],
      distribution: { kind: 'random', backends: [] },
      filters: [],
      timeouts: { requestMs: 0, responseMs: 0, idleMs: 0 },
      retry: undefined,
      allowRequestOverrides: false,
      failureStatuses: [],
    });
  });

  const any = { path: undefined, grpc: undefined, method: '', headers: [], query: [] };
  const matches = [
    ['/api', { path: { kind: 'prefix', text: '/api' } }],
    ['{path: /api}', { path: { kind: 'prefix', text: '/api' } }],
    ['{path: {exact: /api}}', { path: { kind: 'exact', text: '/api' } }],
    ["{path: {regex: '/a|b'}}", { path: { kind: 'regex', text: '/a|b' } }],
    ['{method: GET}', { method: 'GET' }],
    [
      "{headers: {X-User: alice, x-v: {regex: '1.*'}}}",
      {
        headers: [
          { name: 'x-user', value: { kind: 'exact', text: 'alice' } },
          { name: 'x-v', value: { kind: 'regex', text: '1.*' } },
        ],
      },
    ],
    ["{query: {Page: '1'}}", { query: [{ name: 'Page', value: { kind: 'exact', text: '1' } }] }],
    ['{grpc: {service: a.B}}', { grpc: { service: 'a.B', method: '' } }],
    ['{grpc: {}}', { grpc: { service: '', method: '' } }],
  ] as const;
  for (const [text, expected] of matches) {
    test(`matches by ${text}`, () => {
      assert.deepEqual(route(`{matches: [${text}]}`).matches, [{ ...any, ...expected }]);
    });
  }

  test('has hosts in lower case, and suffixes', () => {
    assert.deepEqual(route("{hosts: [WEB.Mesh., '*.web.mesh', 10.0.0.1]}").hosts, [
      { host: 'web.mesh', suffix: false },
      { host: 'web.mesh', suffix: true },
      { host: '10.0.0.1', suffix: false },
    ]);
  });

  test('names backends by any name of a service', () => {
    const text = '{distribution: first, backends: [api.mesh, {service: "db:5433"}]}';
    assert.deepEqual(route(text).distribution, {
      kind: 'first',
      backends: [
        { service: 'api', port: undefined, weight: 1, filters: [] },
        { service: 'db', port: 5433, weight: 1, filters: [] },
      ],
    });
  });

  const filters = [
    [
      '{requestHeaders: {add: {X-A: b}, set: {c: d}, remove: [E]}}',
      {
        kind: 'requestHeaders',
        add: [{ name: 'x-a', value: 'b' }],
        set: [{ name: 'c', value: 'd' }],
        remove: ['e'],
      },
    ],
    ['{responseHeaders: {remove: [e]}}', { kind: 'responseHeaders', add: [], set: [], remove: ['e'] }],
    [
      '{redirect: {host: shop.example}}',
      {
        kind: 'redirect',
        status: 301,
        scheme: undefined,
        host: 'shop.example',
        port: undefined,
        path: undefined,
      },
    ],
    [
      '{redirect: {status: 308, scheme: https, port: 8443, path: /new}}',
      {
        kind: 'redirect',
        status: 308,
        scheme: 'https',
        host: undefined,
        port: 8443,
        path: { kind: 'whole', text: '/new' },
      },
    ],
    [
      '{fail: {percent: 0.1, status: 503, message: oops}}',
      {
        kind: 'fail',
        numerator: 1000,
        denominator: 1_000_000,
        answer: { kind: 'http', status: 503 },
        message: 'oops',
      },
    ],
    [
      '{fail: {ratio: 1/3, grpc: unavailable}}',
      { kind: 'fail', numerator: 1, denominator: 3, answer: { kind: 'grpc', code: 14 }, message: '' },
    ],
    [
      '{fail: {grpc: 16}}',
      {
        kind: 'fail',
        numerator: 1_000_000,
        denominator: 1_000_000,
        answer: { kind: 'grpc', code: 16 },
        message: '',
      },
    ],
  ] as const;
  for (const [text, expected] of filters) {
    test(`has the filter ${text}`, () => {
      assert.deepEqual(route(`{filters: [${text}]}`).filters, [expected]);
    });
  }

  test('retries with defaults that are safe', () => {
    assert.deepEqual(route('{retry: {on: [503]}}').retry, {
      limit: 1,
      statuses: [{ first: 503, last: 503 }],
      grpcCodes: [],
      timeoutMs: 0,
      maxBodyBytes: 65_536,
      backoff: { minMs: 25, maxMs: 250, jitter: 1 },
      budget: undefined,
    });
  });

  test('retries as it says', () => {
    const text =
      '{retry: {limit: 3, on: [5xx, gateway-error, 500-504], grpcOn: [unavailable, UNAVAILABLE, deadline-exceeded], timeout: 1s, maxBody: 1MiB, backoff: none, budget: {ratio: 0.5}}}';
    assert.deepEqual(route(text).retry, {
      limit: 3,
      statuses: [
        { first: 500, last: 599 },
        { first: 502, last: 504 },
        { first: 500, last: 504 },
      ],
      grpcCodes: [14, 4],
      timeoutMs: 1000,
      maxBodyBytes: 1_048_576,
      backoff: undefined,
      budget: { ratio: 0.5, minPerSecond: 10, ttlMs: 10_000 },
    });
  });

  test('is of gRPC when a match is, or when it says so', () => {
    const kinds = service('routes: [{matches: [{grpc: {}}]}, {kind: grpc}, {kind: http}]').routes;
    assert.deepEqual(
      kinds.map(({ kind }) => kind),
      ['grpc', 'grpc', 'http'],
    );
  });

  test('connections that are not HTTP are split, or refused', () => {
    assert.deepEqual(service('tcp: {forbid: true}').tcp, {
      forbid: true,
      distribution: { kind: 'random', backends: [] },
    });
    const split = service("tcp: {backends: [{service: web, weight: 9}, {service: 'db:5432'}]}").tcp;
    assert.deepEqual(
      split?.distribution.backends.map(({ service: name, port, weight }) => [name, port, weight]),
      [
        ['web', undefined, 9],
        ['db', 5432, 1],
      ],
    );
  });
});

describe('how endpoints are judged', () => {
  test('has defaults where a key is given', () => {
    const { circuitBreaker, loadPenalty, http2Keepalive } = service(
      'circuitBreaker: {}, loadPenalty: {}, http2Keepalive: {}',
    );
    assert.deepEqual(circuitBreaker, {
      consecutiveFailures: 7,
      successRate: undefined,
      backoff: { minMs: 1000, maxMs: 60_000, jitter: 0.5 },
      mayEjectLast: false,
    });
    assert.deepEqual(loadPenalty, { penaltyMs: 5000, maxRetryAfterMs: 300_000 });
    assert.deepEqual(http2Keepalive, { intervalMs: 10_000, timeoutMs: 3000, whileIdle: false });
  });

  test('is as the file says', () => {
    const { circuitBreaker, endpointProtocol } = service(
      'endpointProtocol: http2, circuitBreaker: {consecutiveFailures: 0, successRate: {min: 0.9}, backoff: {max: 2s}, mayEjectLast: true}',
    );
    assert.equal(endpointProtocol, 'http2');
    assert.deepEqual(circuitBreaker, {
      consecutiveFailures: 0,
      successRate: { min: 0.9, windowMs: 10_000, minRequests: 10 },
      backoff: { minMs: 1000, maxMs: 2000, jitter: 0.5 },
      mayEjectLast: true,
    });
  });
});
