// Where TLS connections go by the name of the server that they ask for, with real ends; nothing of it is
// decrypted.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Protocol, Reason } from '../../src/dataplane/gen/contract_pb.js';
import { aClient } from '../support/peer.js';
import { aProxy } from '../support/proxy-under-test.js';
import { connectionRoute } from '../support/route-tables.js';
import { aCertificate, aTlsServer, heardByTls } from '../support/tls-ends.js';

const FILES = aCertificate('web.shop');

test('the name of the server decides where a TLS connection goes', async (t) => {
  const ports = {
    exact: await aTlsServer(t, FILES, (name) => `exact ${name}`),
    short: await aTlsServer(t, FILES, (name) => `short ${name}`),
    long: await aTlsServer(t, FILES, (name) => `long ${name}`),
  };
  const proxy = aProxy(t);
  const { port } = proxy.routed(
    {
      tls: [
        { host: 'mesh', suffix: true, route: connectionRoute(21, proxy.target([ports.short])) },
        { host: 'shop.mesh', suffix: true, route: connectionRoute(22, proxy.target([ports.long])) },
        { host: 'web.shop.mesh', route: connectionRoute(23, proxy.target([ports.exact])) },
        { host: 'secret.mesh', route: { id: 24, name: 'TLSRoute.shop.secret', refusal: Reason.FORBIDDEN } },
      ],
    },
    { protocol: Protocol.TLS },
  );
  const heard = (servername: string): Promise<string> => heardByTls(port, FILES, { servername });
  assert.equal(await heard('web.shop.mesh'), 'exact web.shop.mesh');
  assert.equal(await heard('WEB.shop.mesh'), 'exact WEB.shop.mesh');
  assert.equal(await heard('api.shop.mesh'), 'long api.shop.mesh');
  assert.equal(await heard('shop.mesh'), 'short shop.mesh');
  await proxy.metricBecomes(
    'outbound_tls_route_open_total',
    { route_name: '23', hostname: 'web.shop.mesh', parent_name: 'web' },
    2,
  );
  await proxy.metricBecomes('outbound_tls_route_close_total', { route_name: '23', error: '' }, 2);
  await proxy.metricBecomes('outbound_tls_route_close_total', { hostname: 'api.shop.mesh' }, 1);
  assert.equal(proxy.metric('outbound_tcp_route_open_total'), 0);

  await assert.rejects(heard('web.example'));
  const unknown = await proxy.failure(Reason.NO_ROUTE);
  assert.match(unknown.detail, /^SNI web\.example: no route/);
  await assert.rejects(heard('secret.mesh'));
  assert.match((await proxy.failure(Reason.FORBIDDEN)).detail, /forbidden TLS route/);
  await proxy.metricBecomes('outbound_tls_route_close_total', { route_name: '24', error: 'forbidden' }, 1);
});

test('a connection without the name of a server has no route', async (t) => {
  const server = await aTlsServer(t, FILES, () => 'nobody');
  const proxy = aProxy(t);
  const { port } = proxy.routed(
    {
      tls: [{ host: '', route: connectionRoute(25, proxy.target([server])) }],
    },
    { protocol: Protocol.TLS, destination: { detectTimeoutMs: 200 } },
  );
  assert.equal(await heardByTls(port, FILES, { servername: 'any.name' }), 'nobody');
  await assert.rejects(heardByTls(port, FILES, {}));
  assert.match((await proxy.failure(Reason.NO_ROUTE)).detail, /Could not find SNI/);
  await aClient(t, port);
  assert.match((await proxy.failure(Reason.DETECT_TIMEOUT)).detail, /SNI detection timed out/);
});
