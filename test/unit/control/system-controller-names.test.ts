// The name system of this machine, as controllers are found with it, against a real name server.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';

import { type AddressOutcome, SystemControllerNames } from '../../../src/control/system-controller-names.js';
import { SystemDnsResolver } from '../../../src/discovery/system-dns-resolver.js';
import { FakeDnsServer } from '../../support/fake-dns-server.js';

const NAME = 'controller.example';
const never = (): AbortSignal => new AbortController().signal;

async function served(t: TestContext): Promise<{ server: FakeDnsServer; names: SystemControllerNames }> {
  const server = new FakeDnsServer();
  const servers = [await server.start()];
  t.after(() => server.stop());
  const addresses = new SystemDnsResolver({ servers, readHosts: () => Promise.resolve('') });
  return {
    server,
    names: new SystemControllerNames({ servers, addresses, minTtlMs: undefined, maxTtlMs: undefined }),
  };
}

function answering(
  a: AddressOutcome,
  aaaa: AddressOutcome,
  bounds: { minTtlMs?: number; maxTtlMs?: number } = {},
): SystemControllerNames {
  return new SystemControllerNames({
    servers: [],
    addresses: { resolve: (_name, type) => Promise.resolve(type === 'a' ? a : aaaa) },
    minTtlMs: bounds.minTtlMs,
    maxTtlMs: bounds.maxTtlMs,
  });
}

const found = (ip: string, ttlMs: number): AddressOutcome => ({
  kind: 'answer',
  endpoints: [{ address: { ip, port: 0 } }],
  ttlMs,
});
const EMPTY: AddressOutcome = { kind: 'empty', detail: 'none' };
const FAILED: AddressOutcome = { kind: 'failed', detail: 'ESERVFAIL' };

test('SRV targets are told as they are, of every priority', async (t) => {
  const { server, names } = await served(t);
  server.set(NAME, [
    { type: 'srv', ttl: 5, priority: 0, weight: 1, port: 8086, target: '10-0-0-1.pod.example' },
    { type: 'srv', ttl: 5, priority: 9, weight: 1, port: 8087, target: '10-0-0-2.pod.example' },
  ]);
  const answer = await names.srv(NAME, never());
  assert.ok(answer.kind === 'found');
  assert.deepEqual(
    answer.records.toSorted((one, other) => one.port - other.port),
    [
      { target: '10-0-0-1.pod.example', port: 8086 },
      { target: '10-0-0-2.pod.example', port: 8087 },
    ],
  );
});

test('a name without SRV records, and one that cannot be asked for, are failures', async (t) => {
  const { server, names } = await served(t);
  server.set(NAME, [{ type: 'a', ttl: 60, ip: '10.0.0.1' }]);
  assert.equal((await names.srv(NAME, never())).kind, 'failed');
  const answer = await names.addresses(NAME, never());
  assert.deepEqual(answer, { kind: 'found', records: ['10.0.0.1'], ttlMs: 60_000 });
});

test('addresses of both families are told, those of one when the other has none or fails', async () => {
  const both = await answering(found('10.0.0.1', 60_000), found('fd00::1', 30_000)).addresses(NAME, never());
  assert.deepEqual(both, { kind: 'found', records: ['10.0.0.1', 'fd00::1'], ttlMs: 30_000 });
  for (const other of [EMPTY, FAILED]) {
    const one = await answering(found('10.0.0.1', 0), other).addresses(NAME, never());
    assert.deepEqual(one, { kind: 'found', records: ['10.0.0.1'], ttlMs: undefined });
  }
});

test('without any address the reason is told, a failure before an absence', async () => {
  const answer = await answering(EMPTY, FAILED).addresses(NAME, never());
  assert.deepEqual(answer, { kind: 'failed', detail: 'ESERVFAIL', retryMs: undefined });
});

test('times to live are kept within their bounds', async () => {
  for (const [ttlMs, expected] of [
    [1000, 10_000],
    [20_000, 20_000],
    [90_000, 30_000],
  ] as const) {
    const names = answering(found('10.0.0.1', ttlMs), EMPTY, { minTtlMs: 10_000, maxTtlMs: 30_000 });
    const answer = await names.addresses(NAME, never());
    assert.equal(answer.kind === 'found' && answer.ttlMs, expected);
  }
});

test('an aborted question rejects with the reason', async (t) => {
  const { names } = await served(t);
  const abort = new AbortController();
  abort.abort(new Error('not wanted'));
  await assert.rejects(names.srv(NAME, abort.signal), /not wanted/);
});
