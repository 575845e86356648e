// From events of the data plane to what is remembered of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatHostPort } from '../../../src/core/ip.js';
import { type Failure, Reason } from '../../../src/dataplane/gen/contract_pb.js';
import { type RouteInfo } from '../../../src/routing/route-directory.js';
import { serviceResource } from '../../../src/routing/route-table-ids.js';
import { type TargetInfo } from '../../../src/routing/target-directory.js';
import { EndpointPictures } from '../../../src/why/endpoint-pictures.js';
import { type FailureFilter, parseFilter, type RawFilter } from '../../../src/why/failure-filter.js';
import { type FailureSelection, FailureTrail } from '../../../src/why/failure-trail.js';
import { aFailure, anInspection, socketAddress } from '../../support/failures.js';
import { FakeSeries } from '../../support/fake-series.js';
import { ManualClock } from '../../support/manual-clock.js';
import { at } from '../../support/mesh-configs.js';

const WEB: TargetInfo = {
  id: 1,
  authority: 'web:80',
  labels: { service: 'web' },
  endpointLabels: (address) => ({ service: 'web', zone: String(address.port) }),
  removedEndpoints: () => [{ address: at('127.0.0.1:9'), agoMs: 5000 }],
};

const CANARY: RouteInfo = {
  kind: 'http',
  name: 'HTTPRoute.web.canary',
  parent: serviceResource('web', 80),
  route: { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: '', name: 'canary' },
};

class Scene {
  readonly source = new FakeSeries(1);
  readonly clock = new ManualClock(10_000);
  readonly trail: FailureTrail;
  asked = 0;

  constructor() {
    const targets = {
      targetInfo: (id: number) => (id === 1 ? WEB : undefined),
      routeInfo: (id: number) => (id === 5 ? CANARY : undefined),
      targetAt: (direction: string, address: { ip: string; port: number }) =>
        `${direction} ${formatHostPort(address)}` === 'outbound 10.77.0.10:80' ? WEB : undefined,
    };
    const pictures = new EndpointPictures({
      inspect: () => {
        this.asked++;
        return anInspection({ 1: ['127.0.0.1:81'] });
      },
      targets,
      clock: this.clock,
    });
    this.trail = new FailureTrail({
      source: this.source,
      targets,
      pictures,
      wallTime: () => this.clock.wallTime(),
    });
  }

  fail(...failures: readonly Failure[]): void {
    this.source.emit({ events: failures.map((value) => ({ kind: { case: 'failure' as const, value } })) });
  }

  select(raw: RawFilter = {}): FailureSelection {
    return this.trail.select(filter(raw));
  }
}

function filter(raw: RawFilter): FailureFilter {
  const parsed = parseFilter(raw);
  assert.ok(parsed.ok);
  return parsed.value;
}

test('a fail-fast is remembered with its service and the endpoints there were', () => {
  const scene = new Scene();
  scene.fail(aFailure({ reason: Reason.FAIL_FAST }));
  const [record] = scene.select().failures;
  assert.deepEqual([record?.authority, record?.labels], ['web:80', { service: 'web' }]);
  assert.deepEqual(
    record?.endpoints?.endpoints.map(({ address, lastError }) => [address, lastError]),
    [['127.0.0.1:81', 'ECONNREFUSED']],
  );
  assert.deepEqual(record.endpoints.removed, [{ address: '127.0.0.1:9', agoMs: 5000 }]);
});

test('labels of the endpoint are those it has, and the workers are not asked for nothing', () => {
  const scene = new Scene();
  scene.fail(aFailure({ reason: Reason.ENDPOINT_RESET, endpoint: socketAddress('127.0.0.1:81') }));
  assert.deepEqual(scene.select().failures[0]?.labels, { service: 'web', zone: '81' });
  assert.equal(scene.asked, 0);
});

test('a failure before a target was chosen belongs to the service of its destination', () => {
  const scene = new Scene();
  scene.fail(
    aFailure({ reason: Reason.MALFORMED_REQUEST, targetId: 0 }),
    aFailure({
      reason: Reason.MALFORMED_REQUEST,
      targetId: 0,
      originalDestination: socketAddress('10.0.0.1:80'),
    }),
    aFailure({ reason: Reason.CLIENT_RESET, targetId: 77 }),
  );
  assert.deepEqual(
    scene.select().failures.map(({ authority }) => authority),
    [undefined, undefined, 'web:80'],
  );
});

test('a storm is one record and one question to the workers', () => {
  const scene = new Scene();
  for (let i = 0; i < 5000; i++)
    scene.fail(aFailure({ client: socketAddress(`127.0.0.1:${String(i + 1)}`) }));
  const { failures, remembered } = scene.select();
  assert.deepEqual([remembered, failures[0]?.count, failures[0]?.client], [1, 5000, '127.0.0.1:5000']);
  assert.equal(scene.asked, 1);
});

test('a selection is filtered, limited, and counts what is beyond it', () => {
  const scene = new Scene();
  for (let port = 1; port <= 5; port++)
    scene.fail(
      aFailure({ endpoint: socketAddress(`127.0.0.1:${String(port)}`), timeMs: BigInt(port * 1000) }),
    );
  scene.fail(aFailure({ reason: Reason.DRAINING, timeMs: 6000n }));
  const { failures, matching, remembered } = scene.select({
    reason: 'connect_refused',
    since: '8s',
    limit: '2',
  });
  assert.deepEqual(
    failures.map(({ endpoint }) => endpoint),
    ['127.0.0.1:5', '127.0.0.1:4'],
  );
  assert.deepEqual([matching, remembered], [4, 6]);
});

test('a thousand are remembered, and what went or never came is counted', () => {
  const scene = new Scene();
  for (let port = 1; port <= 1002; port++)
    scene.fail(aFailure({ endpoint: socketAddress(`127.0.0.1:${String(port)}`) }));
  scene.source.emit({ droppedLogs: 3n });
  scene.source.emit({ droppedLogs: 4n });
  const { remembered, forgotten, lost, failures } = scene.select({ limit: '1000' });
  assert.deepEqual([remembered, failures.length, forgotten, lost], [1000, 1000, 2, 7]);
});

test('after close nothing is followed, and what is remembered stays', () => {
  const scene = new Scene();
  scene.fail(aFailure());
  scene.trail.close();
  scene.fail(aFailure({ reason: Reason.DRAINING }));
  assert.equal(scene.select().remembered, 1);
  assert.equal(scene.source.listenerCount, 0);
});

test('a failure has the name of its route, and how often it was tried', () => {
  const scene = new Scene();
  scene.fail(aFailure({ reason: Reason.RESPONSE_TIMEOUT, routeId: 5, tries: 3 }));
  const [record] = scene.select().failures;
  assert.deepEqual([record?.route, record?.tries], ['HTTPRoute.web.canary', 3]);
});

test('a route that nobody remembers has no name', () => {
  const scene = new Scene();
  scene.fail(aFailure({ routeId: 77 }));
  const [record] = scene.select().failures;
  assert.deepEqual([record?.route, record?.tries], [undefined, undefined]);
});
