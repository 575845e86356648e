// The real resolver against a name server of our own: order of sources, times to live, and which
// failures are believed.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import type { DnsOutcome } from '../../../src/discovery/dns-resolver.js';
import { addressesInHosts } from '../../../src/discovery/hosts-file.js';
import { SystemDnsResolver } from '../../../src/discovery/system-dns-resolver.js';
import { FakeDnsServer, RESPONSE_CODE } from '../../support/fake-dns-server.js';

const HOSTS = `
127.0.0.1 localhost
10.1.1.1  legacy.example  old   # moved
10.1.1.2  Legacy.Example
fd00::5   six.example
nonsense  legacy.example
`;

class SystemLookup {
  readonly asked: string[] = [];
  answers: Readonly<Record<string, readonly string[] | string>> = {};

  readonly lookup = (name: string, family: 4 | 6): Promise<readonly string[]> => {
    this.asked.push(`${name} ${String(family)}`);
    const found = this.answers[name] ?? 'ENOTFOUND';
    if (typeof found !== 'string') return Promise.resolve(found);
    return Promise.reject(Object.assign(new Error(found), { code: found }));
  };
}

function ips(outcome: DnsOutcome): readonly string[] | string {
  return outcome.kind === 'answer' ? outcome.endpoints.map(({ address }) => address.ip) : outcome.kind;
}

describe('the system resolver', () => {
  const server = new FakeDnsServer();
  const never = new AbortController().signal;
  let system: SystemLookup;
  let resolver: SystemDnsResolver;
  let address: string;

  before(async () => {
    address = await server.start();
  });
  after(() => server.stop());
  beforeEach(() => {
    system = new SystemLookup();
    server.questions.length = 0;
    resolver = new SystemDnsResolver({
      servers: [address],
      readHosts: () => Promise.resolve(HOSTS),
      systemLookup: system.lookup,
    });
  });

  test('answers addresses with the smallest time to live', async () => {
    server.set('web.example', [
      { type: 'a', ttl: 60, ip: '10.0.0.1' },
      { type: 'a', ttl: 20, ip: '10.0.0.2' },
      { type: 'aaaa', ttl: 40, ip: 'fd00::1' },
    ]);
    const four = await resolver.resolve('web.example', 'a', never);
    const six = await resolver.resolve('web.example', 'aaaa', never);
    assert.deepEqual([ips(four), ips(six)], [['10.0.0.1', '10.0.0.2'], ['fd00::1']]);
    assert.deepEqual(
      [four, six].map((outcome) => outcome.kind === 'answer' && outcome.ttlMs),
      [20_000, 40_000],
    );
  });

  test('believes that there are no records of a type, without asking the system', async () => {
    server.set('four.example', [{ type: 'a', ttl: 60, ip: '10.0.0.1' }]);
    assert.equal(ips(await resolver.resolve('four.example', 'aaaa', never)), 'empty');
    assert.deepEqual(system.asked, []);
  });

  test('asks the system for names that the server does not know', async () => {
    system.answers = { 'printer.local': ['10.9.9.9'] };
    assert.deepEqual(ips(await resolver.resolve('printer.local', 'a', never)), ['10.9.9.9']);
    assert.equal(ips(await resolver.resolve('nobody.example', 'a', never)), 'empty');
    system.answers = { 'nobody.example': 'EAI_AGAIN' };
    assert.equal(ips(await resolver.resolve('nobody.example', 'a', never)), 'failed');
  });

  test('asks only the system for names of one label and for localhost', async () => {
    system.answers = { web: ['10.9.9.9'], 'a.localhost': ['127.0.0.1'] };
    assert.deepEqual(ips(await resolver.resolve('web', 'a', never)), ['10.9.9.9']);
    assert.deepEqual(ips(await resolver.resolve('a.localhost', 'a', never)), ['127.0.0.1']);
    assert.deepEqual(server.questions, []);
  });

  test('lets the hosts file win, for both families', async () => {
    server.set('legacy.example', [{ type: 'aaaa', ttl: 60, ip: 'fd00::9' }]);
    assert.deepEqual(ips(await resolver.resolve('legacy.example', 'a', never)), ['10.1.1.1', '10.1.1.2']);
    assert.equal(ips(await resolver.resolve('legacy.example', 'aaaa', never)), 'empty');
    assert.deepEqual(server.questions, []);
  });

  test('does not believe a server failure', async () => {
    server.fail('broken.example', RESPONSE_CODE.serverFailure);
    const outcome = await resolver.resolve('broken.example', 'a', never);
    assert.deepEqual(outcome, { kind: 'failed', detail: 'looking up broken.example failed: ESERVFAIL' });
    assert.deepEqual(system.asked, []);
  });

  test('asks the system when no name server is there', async () => {
    const lonely = new SystemDnsResolver({
      servers: ['127.0.0.1:1'],
      readHosts: () => Promise.resolve(''),
      systemLookup: system.lookup,
    });
    system.answers = { 'web.example': ['10.9.9.9'] };
    assert.deepEqual(ips(await lonely.resolve('web.example', 'a', never)), ['10.9.9.9']);
  });

  test('ends with the reason of the signal when it is aborted', async () => {
    server.silence('slow.example');
    const abort = new AbortController();
    const asked = resolver.resolve('slow.example', 'a', abort.signal);
    abort.abort(new Error('not wanted any more'));
    await assert.rejects(asked, /not wanted any more/);
    await assert.rejects(resolver.resolve('slow.example', 'a', abort.signal), /not wanted any more/);
  });

  test('takes ports and weights from the SRV records of the best priority', async () => {
    const srv = { type: 'srv', ttl: 60 } as const;
    server.set('_web._tcp.example', [
      { ...srv, priority: 10, weight: 65_535, port: 8001, target: 'one.example' },
      { ...srv, priority: 10, weight: 0, port: 8002, target: 'two.example' },
      { ...srv, priority: 20, weight: 1, port: 8003, target: 'one.example' },
    ]);
    server.set('one.example', [{ type: 'a', ttl: 30, ip: '10.0.0.1' }]);
    server.set('two.example', [
      { type: 'a', ttl: 90, ip: '10.0.0.2' },
      { type: 'aaaa', ttl: 90, ip: 'fd00::2' },
    ]);
    assert.deepEqual(await resolver.resolve('_web._tcp.example', 'srv', never), {
      kind: 'answer',
      endpoints: [
        { address: { ip: '10.0.0.1', port: 8001 }, weight: 10_000 },
        { address: { ip: '10.0.0.2', port: 8002 }, weight: 1 },
        { address: { ip: 'fd00::2', port: 8002 }, weight: 1 },
      ],
      ttlMs: 0,
    });
  });

  test('does not believe a part of the targets of SRV records', async () => {
    const srv = { type: 'srv', ttl: 60, priority: 1, weight: 1, port: 80 } as const;
    server.set('_half._tcp.example', [
      { ...srv, target: 'fine.example' },
      { ...srv, target: 'broken.example' },
    ]);
    server.set('fine.example', [{ type: 'a', ttl: 30, ip: '10.0.0.1' }]);
    server.fail('broken.example', RESPONSE_CODE.serverFailure);
    assert.equal(ips(await resolver.resolve('_half._tcp.example', 'srv', never)), 'failed');
  });

  test('knows when there are no SRV records', async () => {
    server.set('_none._tcp.example', []);
    assert.equal(ips(await resolver.resolve('_none._tcp.example', 'srv', never)), 'empty');
    assert.equal(ips(await resolver.resolve('_nowhere._tcp.example', 'srv', never)), 'empty');
  });

  test('finds localhost with the real system look-up', async () => {
    const real = new SystemDnsResolver({ servers: [address], readHosts: () => Promise.resolve('') });
    assert.deepEqual(ips(await real.resolve('localhost', 'a', never)), ['127.0.0.1']);
  });
});

test('the hosts file is read with comments, aliases and any case', () => {
  assert.deepEqual(addressesInHosts(HOSTS, 'old', 4), ['10.1.1.1']);
  assert.deepEqual(addressesInHosts(HOSTS, 'six.example', 6), ['fd00::5']);
  assert.deepEqual(addressesInHosts(HOSTS, 'moved', 4), []);
});
