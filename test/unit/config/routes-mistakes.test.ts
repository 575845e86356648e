// Routes of a service in the mesh file: every mistake is told with its place and reason.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { formatMeshFileError, parseMeshFile } from '../../../src/config/parse-mesh-file.js';
import { fileWithWeb } from '../../support/mesh-file-text.js';

function mistakes(more: string): readonly string[] {
  const parsed = parseMeshFile(fileWithWeb(more), 'mesh.yaml');
  assert.ok(!parsed.ok, 'the file should have been refused');
  return parsed.error.map(formatMeshFileError);
}

describe('a mistake in a route', () => {
  const cases: readonly (readonly [what: string, more: string, expected: readonly RegExp[]])[] = [
    ['no route at all', 'routes: []', [/^mesh.yaml:2:45: services.web.routes needs at least one route$/]],
    ['an unknown key', 'routes: [{match: []}]', [/routes\[0\].match is not known; did you mean "matches"\?/]],
    ['a name with spaces', 'routes: [{name: a b}]', [/routes\[0\].name must be a name of letters/]],
    [
      'a name given twice',
      'routes: [{name: a}, {name: a}]',
      [/routes\[1\].name route a is given twice, first at services.web.routes\[0\].name \(line 2\)/],
    ],
    [
      'the name of an unnamed one',
      'routes: [{}, {name: route-0}]',
      [/routes\[1\].name route route-0 is given/],
    ],
    [
      'hosts that are none',
      "routes: [{hosts: ['*', a b, '*.10.0.0.1']}]",
      [/hosts\[0\]/, /hosts\[1\]/, /hosts\[2\]/],
    ],
    [
      'a host given twice',
      "routes: [{hosts: [a.b, '*.a.b', A.b.]}]",
      [/hosts\[2\] host a.b is given twice, first at .*hosts\[0\]/],
    ],
    ['no match', 'routes: [{matches: []}]', [/matches needs at least one match/]],
    ['a match that says nothing', 'routes: [{matches: [{}]}]', [/matches\[0\] says nothing/]],
    [
      'paths that are none',
      "routes: [{matches: [api, {path: {exact: '/a?b'}}, {path: {prefix: '/a b'}}]}]",
      [
        /matches\[0\] must be a path that begins with/,
        /path.exact must be a path/,
        /path.prefix must be a path/,
      ],
    ],
    [
      'two kinds of path',
      'routes: [{matches: [{path: {exact: /a, prefix: /b}}]}]',
      [/path needs exactly one of exact, prefix and regex/],
    ],
    [
      'regular expressions that RE2 does not know',
      "routes: [{matches: [{path: {regex: '(?=a)'}, headers: {a: {regex: '('}}, query: {b: {regex: '[z-a]'}}}]}]",
      [
        /path.regex is no regular expression of RE2: invalid or unsupported Perl syntax: `\(\?=`$/,
        /headers.a.regex is no regular expression of RE2: missing closing \)/,
        /query.b.regex is no regular expression of RE2: invalid character class range/,
      ],
    ],
    [
      'a method in lower case, and one that is none',
      "routes: [{matches: [{method: get}, {method: 'G T'}]}]",
      [
        /method is "get", and methods are case-sensitive; did you mean GET\?/,
        /method must be a method such as GET/,
      ],
    ],
    [
      'a number where text belongs',
      'routes: [{matches: [{headers: {x-version: 2}}]}]',
      [/headers.x-version must be text or \{ regex: … \}, but is 2; put it in quotes/],
    ],
    [
      'names of fields',
      'routes: [{matches: [{headers: {":path": a, x-a: b, X-A: c}}]}]',
      [/is not the name of a header field/, /headers.X-A field x-a is given twice/],
    ],
    [
      'HTTP and gRPC in one',
      'routes: [{kind: http, matches: [{grpc: {}}, /a]}]',
      [/kind is http, but a match has grpc/, /matches\[1\].path is not for gRPC/],
    ],
    [
      'a name of gRPC with a slash',
      'routes: [{matches: [{grpc: {service: /a.B, method: C/D}}]}]',
      [/grpc.service must be the full name/, /grpc.method must be the name/],
    ],
    [
      'backends that are not there',
      "routes: [{backends: [apo, 'api:81', db]}]",
      [
        /backends\[0\] names "apo", which is not a service of this file; did you mean "api"\?/,
        /backends\[1\] has port 81, but service api has 80/,
        /backends\[2\] needs a port: service db has 5432, 5433/,
      ],
    ],
    ['no backend', 'routes: [{backends: []}]', [/backends needs at least one backend/]],
    [
      'a backend given twice',
      'routes: [{backends: [api, api.mesh]}]',
      [/backends\[1\] backend api is given twice/],
    ],
    [
      'weights',
      'routes: [{backends: [{service: api, weight: -1}]}, {backends: [{service: api, weight: 0}]}, {distribution: first, backends: [{service: api, weight: 1}]}]',
      [
        /backends\[0\].weight must be a whole number from 0 to 1000000, but is -1/,
        /routes\[1\].backends has only weights of 0/,
        /routes\[2\].backends\[0\].weight is not used with distribution first/,
      ],
    ],
    [
      'fields that only the proxy writes',
      'routes: [{filters: [{requestHeaders: {set: {Content-Length: "1"}, add: {Host: a, l5d-timeout: 1s}, remove: [Transfer-Encoding, Proxy-Authorization]}}]}]',
      [
        /set.Content-Length is a field of framing/,
        /add.Host is a field of framing/,
        /add.l5d-timeout is a field of framing/,
        /remove\[0\] is a field of framing/,
        /remove\[1\] is a field of framing/,
      ],
    ],
    [
      'values that would break a head',
      'routes: [{filters: [{responseHeaders: {set: {a: "b\\r\\nc", d: 1}}}]}]',
      [/set.a must be visible ASCII/, /set.d must be text, but is 1; put it in quotes/],
    ],
    [
      'filters that do nothing, or two things',
      'routes: [{filters: [{}, {requestHeaders: {}}, {fail: {status: 500}, redirect: {port: 1}}]}]',
      [
        /filters\[0\] needs exactly one of/,
        /filters\[1\].requestHeaders needs add, set or remove/,
        /filters\[2\] needs exactly one of/,
      ],
    ],
    [
      'redirects',
      'routes: [{filters: [{redirect: {status: 200, scheme: ftp}}, {redirect: {}}, {redirect: {path: /a, prefix: /b}}]}]',
      [
        /redirect.status must be 301, 302, 303, 307 or 308, but is 200/,
        /redirect.scheme must be http or https/,
        /filters\[1\].redirect needs scheme, host, port, path or prefix/,
        /filters\[2\].redirect has path and prefix/,
        /filters\[2\].redirect.prefix needs a path prefix in every match/,
      ],
    ],
    [
      'a redirect of a prefix that there is not',
      'routes: [{matches: [/a, {path: {exact: /b}}], filters: [{redirect: {prefix: /c}}]}]',
      [/redirect.prefix needs a path prefix in every match of the route/],
    ],
    [
      'a redirect for gRPC',
      'routes: [{kind: grpc, filters: [{redirect: {port: 1}}]}]',
      [/redirect is not for gRPC/],
    ],
    [
      'failures',
      'routes: [{filters: [{fail: {percent: 101, status: 500}}, {fail: {percent: 0.00001, status: 500}}, {fail: {ratio: 3/2, status: 500}}, {fail: {percent: 1}}, {fail: {status: 99}}, {fail: {grpc: nope}}, {fail: {percent: 1, ratio: 1/2, status: 500, grpc: 1}}]}]',
      [
        /filters\[0\].fail.percent must be a number from 0 to 100, but is 101/,
        /filters\[1\].fail.percent has more than four decimals/,
        /filters\[2\].fail.ratio must be a ratio/,
        /filters\[3\].fail needs either status or grpc/,
        /filters\[4\].fail.status must be a whole number from 200 to 599/,
        /filters\[5\].fail.grpc must be a gRPC code/,
        /filters\[6\].fail has percent and ratio/,
        /filters\[6\].fail needs either status or grpc/,
      ],
    ],
    ['a time-out of 0', 'routes: [{timeouts: {request: 0}}]', [/timeouts.request must be longer than 0/]],
    ['a retry after nothing', 'routes: [{retry: {limit: 2}}]', [/retry needs on or grpcOn/]],
    [
      'figures of retries',
      'routes: [{retry: {limit: 101, on: [700, 504-500, 6xx, teapot], grpcOn: [not-found], maxBody: 1GiB, budget: {ratio: -1, ttl: 1ms}}}]',
      [
        /retry.limit must be a whole number from 1 to 100/,
        /retry.on\[0\] must be a whole number from 100 to 599, but is 700/,
        /retry.on\[1\] must be a status/,
        /retry.on\[2\] must be a status/,
        /retry.on\[3\] must be a status/,
        /retry.grpcOn\[0\] must be cancelled/,
        /retry.maxBody must be a number of bytes/,
        /budget.ratio must be a number from 0 to 1000/,
        /budget.ttl must be from 1s to 1m/,
      ],
    ],
    [
      'a back-off the wrong way round',
      'routes: [{retry: {on: [5xx], backoff: {min: 1s}}}]',
      [/retry.backoff.min makes min \(1s\) larger than max \(250ms\)/],
    ],
    [
      'statuses of failures',
      'routes: [{failureStatuses: [0, 99-100]}]',
      [/failureStatuses\[0\]/, /failureStatuses\[1\]/],
    ],
    [
      'connections with filters, or refused and split',
      'tcp: {forbid: true, backends: [{service: api, filters: [{fail: {status: 500}}]}]}',
      [/tcp.backends stands beside forbid/, /tcp.backends\[0\].filters are for requests/],
    ],
    [
      'a breaker that breaks nothing',
      'circuitBreaker: {consecutiveFailures: 0}',
      [/circuitBreaker.consecutiveFailures is 0 without successRate/],
    ],
    [
      'figures of a breaker',
      'circuitBreaker: {consecutiveFailures: -1, successRate: {min: 0, window: 9ms, minRequests: 0}, backoff: {min: 2m, jitter: 2}}',
      [
        /consecutiveFailures must be a whole number/,
        /successRate.min must be a number above 0 and at most 1/,
        /successRate.window must be 10ms or longer/,
        /successRate.minRequests must be a whole number/,
        /backoff.min makes min \(2m\) larger than max \(1m\)/,
        /backoff.jitter must be a number from 0 to 1/,
      ],
    ],
    [
      'figures of endpoints',
      'loadPenalty: {penalty: 0}, http2Keepalive: {interval: 0, whileIdle: 1}, endpointProtocol: http3',
      [
        /loadPenalty.penalty must be longer than 0/,
        /http2Keepalive.interval must be longer than 0/,
        /http2Keepalive.whileIdle must be true or false/,
        /endpointProtocol must be as-client, http1 or http2, but is "http3"/,
      ],
    ],
  ];
  for (const [what, more, expected] of cases) {
    test(`${what}: told with place and reason, and nothing else`, () => {
      const told = mistakes(more);
      assert.equal(told.length, expected.length, told.join('\n'));
      for (const pattern of expected) {
        assert.ok(
          told.some((line) => pattern.test(line)),
          `${String(pattern)}\n${told.join('\n')}`,
        );
      }
    });
  }
});
