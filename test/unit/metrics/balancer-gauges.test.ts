// The state of balancers at a scrape.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create, type MessageInitShape } from '@bufbuild/protobuf';

import { CommandRefusedError } from '../../../src/dataplane/dataplane.js';
import { EndpointState, InspectionSchema } from '../../../src/dataplane/gen/contract_pb.js';
import { BalancerGauges } from '../../../src/metrics/balancer-gauges.js';
import { aTarget, directoryOf } from '../../support/fake-series.js';

const TARGETS = directoryOf(
  aTarget(1, 'web:80', { service: 'web' }),
  aTarget(2, 'a.example:443'),
  aTarget(3, ''),
);
const { ENDPOINT_READY, ENDPOINT_BACKOFF, ENDPOINT_EJECTED } = EndpointState;

function gauges(targets: MessageInitShape<typeof InspectionSchema>['targets'] = []): BalancerGauges {
  return new BalancerGauges({ inspect: () => create(InspectionSchema, { targets }) }, TARGETS);
}

function samples(
  found: BalancerGauges,
  family: string,
): readonly (readonly (string | number | undefined)[])[] {
  const values = found.collect().find(({ name }) => name === family)?.values ?? [];
  return values.map(({ labels, value }) => [labels['backend_name'], labels['endpoint_state'], value]);
}

test('endpoints count as ready or pending, whatever keeps them', () => {
  const states = [ENDPOINT_READY, ENDPOINT_BACKOFF, ENDPOINT_EJECTED, ENDPOINT_READY, ENDPOINT_READY];
  const found = gauges([{ id: 1, waiting: 4, endpoints: states.map((state) => ({ state })) }]);
  assert.deepEqual(samples(found, 'outbound_http_balancer_endpoints'), [
    ['web', 'ready', 3],
    ['web', 'pending', 2],
  ]);
  assert.deepEqual(samples(found, 'outbound_http_balancer_queue_length'), [['web', undefined, 4]]);
});

test('a service is one of Kubernetes’ kind, and a host name is none', () => {
  const [first, second] = gauges([{ id: 1 }, { id: 2 }]).collect()[1]?.values ?? [];
  assert.deepEqual(first?.labels, {
    backend_group: 'core',
    backend_kind: 'Service',
    backend_namespace: '',
    backend_name: 'web',
    backend_port: '80',
    backend_section_name: '',
  });
  assert.deepEqual(
    [second?.labels['backend_kind'], second?.labels['backend_name'], second?.labels['backend_port']],
    ['default', 'a.example', '443'],
  );
});

test('what is forwarded, or known to nobody, is no balancer', () => {
  assert.deepEqual(gauges([{ id: 3 }, { id: 99 }]).collect(), []);
});

test('workers that do not answer leave the page without', () => {
  const silent = new BalancerGauges(
    {
      inspect: () => {
        throw new CommandRefusedError('', 'the workers do not answer', 110);
      },
    },
    TARGETS,
  );
  assert.deepEqual(silent.collect(), []);
});
