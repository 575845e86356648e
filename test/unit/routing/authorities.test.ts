// Authorities of requests: when a captured request is balanced over its name, and what the HTTP proxy
// answers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { defaultMeshConfig } from '../../../src/config/defaults.js';
import { TargetKind } from '../../../src/dataplane/gen/contract_pb.js';
import { parseAuthority } from '../../../src/routing/authority.js';
import { settle } from '../../support/fake-dns-resolver.js';
import { aMesh, anEndpoint, aService } from '../../support/mesh-configs.js';
import { RouterFixture } from '../../support/router-fixture.js';

const web = aService('web', {
  names: ['web.mesh'],
  addresses: ['10.77.0.10'],
  ports: [
    { port: 80, protocol: 'detect' },
    { port: 8080, protocol: 'detect' },
  ],
  endpoints: [anEndpoint('127.0.0.1:8081')],
});

test('authorities are taken apart, and malformed ones refused', () => {
  assert.deepEqual(parseAuthority('web.mesh'), { host: { kind: 'name', name: 'web.mesh' }, port: undefined });
  assert.deepEqual(parseAuthority('web.mesh:'), {
    host: { kind: 'name', name: 'web.mesh' },
    port: undefined,
  });
  assert.deepEqual(parseAuthority('web.mesh.:81'), { host: { kind: 'name', name: 'web.mesh' }, port: 81 });
  assert.deepEqual(parseAuthority('[::1]:81'), { host: { kind: 'ip', ip: '::1' }, port: 81 });
  assert.deepEqual(parseAuthority('10.0.0.1'), { host: { kind: 'ip', ip: '10.0.0.1' }, port: undefined });
  for (const text of [
    '',
    ':80',
    'web:0',
    'web:x',
    'web:99999',
    'a b',
    '300.1.1.1',
    'user@web',
    '\u212Aelvin.example',
  ]) {
    assert.equal(parseAuthority(text), undefined, text);
  }
});

describe('a captured request', () => {
  const ADDRESS = '192.0.2.1:8080';

  async function captured(mesh: RouterFixture): Promise<number> {
    await mesh.router.start();
    mesh.connect(ADDRESS);
    return mesh.destination(ADDRESS).id;
  }

  test('is balanced over its name when the name has the address it was going to', async () => {
    const mesh = new RouterFixture(defaultMeshConfig);
    mesh.resolver.addresses('shop.example', ['192.0.2.1', '192.0.2.2', 'fd00::1']);
    const id = await captured(mesh);
    await mesh.request(id, 'shop.example:8080');
    const destination = mesh.destination(ADDRESS);
    assert.deepEqual(mesh.behindAuthority(destination, 'shop.example:8080'), [
      '192.0.2.1:8080',
      '192.0.2.2:8080',
      '[fd00::1]:8080',
    ]);
    const target = mesh.dataPlane.targets.get(destination.authorities[0]?.targetId ?? 0);
    assert.equal(target?.settings.kind, TargetKind.BALANCE);
    assert.equal(target.settings.authority, 'shop.example:8080');
    assert.deepEqual(mesh.behind(ADDRESS), [ADDRESS]);
  });

  test('goes where it was going when the name means other addresses', async () => {
    const mesh = new RouterFixture(defaultMeshConfig);
    mesh.resolver.addresses('shop.example', ['192.0.2.9']);
    const id = await captured(mesh);
    await mesh.request(id, 'shop.example');
    assert.deepEqual(mesh.destination(ADDRESS).authorities, []);
    assert.equal(mesh.dataPlane.targets.size, 1);
    assert.deepEqual(mesh.dataPlane.failures, []);
  });

  test('is balanced from the moment the name has its address, and stays so', async () => {
    const mesh = new RouterFixture(defaultMeshConfig);
    mesh.resolver.addresses('shop.example', ['192.0.2.9'], 10_000);
    const id = await captured(mesh);
    await mesh.request(id, 'shop.example');
    for (const [addresses, expected] of [
      [['192.0.2.1'], ['192.0.2.1:8080']],
      [['192.0.2.9'], ['192.0.2.9:8080']],
      [[], undefined],
    ] as const) {
      mesh.resolver.addresses('shop.example', addresses, 10_000);
      mesh.clock.advance(10_000);
      await settle();
      assert.deepEqual(mesh.behindAuthority(mesh.destination(ADDRESS), 'shop.example'), expected);
    }
  });

  test('with the name of a service goes to the service, on a port it has', async () => {
    const mesh = new RouterFixture(aMesh(web));
    const id = await captured(mesh);
    for (const authority of ['web', 'web.mesh:80', 'web.mesh:81']) await mesh.request(id, authority);
    const destination = mesh.destination(ADDRESS);
    const { targetId } = mesh.destination('10.77.0.10:8080');
    assert.deepEqual(
      destination.authorities.map(({ authority, targetId: id }) => [authority, id === targetId]),
      [
        ['web', true],
        ['web.mesh:80', false],
      ],
    );
    assert.deepEqual(mesh.resolver.questions, []);
  });

  test('with an address as authority is not looked up', async () => {
    const mesh = new RouterFixture(defaultMeshConfig);
    const id = await captured(mesh);
    await mesh.request(id, ADDRESS);
    await mesh.request(id, '!!');
    assert.deepEqual(mesh.destination(ADDRESS).authorities, []);
    assert.deepEqual(mesh.resolver.questions, []);
  });

  test('shares the target of a name with the other addresses of the name', async () => {
    const mesh = new RouterFixture(defaultMeshConfig);
    mesh.resolver.addresses('shop.example', ['192.0.2.1', '192.0.2.2']);
    await captured(mesh);
    mesh.connect('192.0.2.2:8080');
    for (const address of [ADDRESS, '192.0.2.2:8080'])
      await mesh.request(mesh.destination(address).id, 'shop.example');
    const [one] = mesh.destination(ADDRESS).authorities;
    const [other] = mesh.destination('192.0.2.2:8080').authorities;
    assert.equal(one?.targetId, other?.targetId);
    assert.equal(mesh.resolver.questions.length, 2);
    mesh.idle(mesh.destination(ADDRESS).id);
    assert.ok(mesh.dataPlane.targets.has(other?.targetId ?? 0));
    mesh.idle(mesh.destination('192.0.2.2:8080').id);
    assert.equal(mesh.dataPlane.targets.size, 0);
    assert.equal(mesh.clock.waiting, 0, 'nobody asks for the name any more');
    assert.deepEqual(mesh.refusals, []);
  });

  test('cannot make the router look up names without end', async () => {
    const mesh = new RouterFixture(defaultMeshConfig);
    const id = await captured(mesh);
    for (let index = 0; index < 100; index += 1) await mesh.request(id, `n${String(index)}.example`);
    assert.equal(new Set(mesh.resolver.questions).size, 64 * 2);
  });

  test('follows a service that takes its name, and returns when it goes', async () => {
    const mesh = new RouterFixture(defaultMeshConfig);
    mesh.resolver.addresses('web.mesh', ['192.0.2.1', '192.0.2.2']);
    const id = await captured(mesh);
    await mesh.request(id, 'web.mesh');
    mesh.config.set(aMesh(web));
    assert.deepEqual(mesh.behindAuthority(mesh.destination(ADDRESS), 'web.mesh'), ['127.0.0.1:8081']);
    assert.equal(mesh.clock.waiting, 0);
    mesh.config.set(aMesh());
    await settle();
    assert.equal(mesh.behindAuthority(mesh.destination(ADDRESS), 'web.mesh')?.length, 2);
    assert.deepEqual(mesh.refusals, []);
  });
});

describe('the HTTP proxy', () => {
  async function proxied(config = aMesh(web)): Promise<RouterFixture> {
    return await RouterFixture.started(config, 'always');
  }

  function detail(mesh: RouterFixture): string | undefined {
    return mesh.dataPlane.failures.at(-1)?.detail;
  }

  test('leads services, addresses, virtual addresses and names to targets', async () => {
    const mesh = await proxied();
    mesh.resolver.addresses('shop.example', ['192.0.2.1', '192.0.2.2']);
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ['web', ['127.0.0.1:8081']],
      ['web.mesh:8080', ['127.0.0.1:8081']],
      ['10.77.0.10:80', ['127.0.0.1:8081']],
      ['192.0.2.7:443', ['192.0.2.7:443']],
      ['[fd00::7]', ['[fd00::7]:80']],
      ['shop.example', ['192.0.2.1:80', '192.0.2.2:80']],
      ['shop.example:8443', ['192.0.2.1:8443', '192.0.2.2:8443']],
    ];
    for (const [authority, expected] of cases) {
      await mesh.request(mesh.proxy().id, authority);
      assert.deepEqual(mesh.behindAuthority(mesh.proxy(), authority), expected, authority);
    }
    assert.deepEqual(mesh.dataPlane.failures, []);
  });

  test('tells why an authority leads nowhere, and asks again the next time', async () => {
    const mesh = await proxied();
    const { id } = mesh.proxy();
    mesh.resolver.fail('broken.example', 'looking up broken.example failed: ESERVFAIL');
    for (const [authority, expected] of [
      ['web:81', 'service web has no port 81'],
      ['nobody.example', 'nobody.example has no address'],
      ['broken.example', 'looking up broken.example failed: ESERVFAIL'],
      ['web:0', '"web:0" is not an authority'],
    ] as const) {
      await mesh.request(id, authority);
      assert.equal(detail(mesh), expected);
    }
    assert.equal(mesh.clock.waiting, 0, 'nothing is followed that leads nowhere');
    mesh.resolver.addresses('broken.example', ['192.0.2.3']);
    await mesh.request(id, 'broken.example');
    assert.deepEqual(mesh.behindAuthority(mesh.proxy(), 'broken.example'), ['192.0.2.3:80']);
  });

  test('drops a name that ceases to exist, so that requests are told', async () => {
    const mesh = await proxied();
    mesh.resolver.addresses('shop.example', ['192.0.2.1'], 10_000);
    await mesh.request(mesh.proxy().id, 'shop.example');
    mesh.resolver.addresses('shop.example', []);
    mesh.clock.advance(10_000);
    await settle();
    assert.deepEqual(mesh.proxy().authorities, []);
    assert.equal(detail(mesh), 'shop.example has no address');
    assert.deepEqual(mesh.refusals, []);
  });

  test('keeps a bounded number of authorities, the latest', async () => {
    const mesh = await proxied();
    for (let index = 0; index < 600; index += 1) {
      mesh.dataPlane.emit({
        case: 'discoverAuthority',
        value: {
          destinationId: mesh.proxy().id,
          authority: `10.1.${String(index >> 8)}.${String(index & 255)}`,
        },
      });
    }
    const { authorities } = mesh.proxy();
    assert.equal(authorities.length, 512);
    assert.equal(authorities.at(-1)?.authority, '10.1.2.87');
    assert.equal(mesh.dataPlane.targets.size, 512 + web.ports.length);
    assert.deepEqual(mesh.refusals, []);
  });

  test('waits for a name system that takes its time', async () => {
    const mesh = await proxied();
    mesh.resolver.addresses('shop.example', ['192.0.2.1']);
    mesh.resolver.hold();
    await mesh.request(mesh.proxy().id, 'shop.example');
    await mesh.request(mesh.proxy().id, 'shop.example');
    assert.deepEqual(mesh.proxy().authorities, []);
    mesh.resolver.release();
    await settle();
    assert.deepEqual(mesh.behindAuthority(mesh.proxy(), 'shop.example'), ['192.0.2.1:80']);
    assert.equal(mesh.resolver.questions.length, 2);
  });

  test('has no protocol to detect and no default target', async () => {
    const mesh = await proxied();
    const { targetId, discoverAuthorities, idleTimeoutMs } = mesh.proxy();
    assert.deepEqual([targetId, discoverAuthorities, idleTimeoutMs], [0, true, 0]);
  });
});
