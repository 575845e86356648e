// The API's messages on the wire, against bytes made by an independent encoder (reference, wire API §9).
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

import { GetDestinationSchema, UpdateSchema } from '../../../src/api/gen/destination_pb.js';
import { PortSpecSchema } from '../../../src/api/gen/inbound_pb.js';
import { TcpAddressSchema } from '../../../src/api/gen/net_pb.js';
import { TrafficSpecSchema } from '../../../src/api/gen/outbound_pb.js';
import { HeaderSchema } from '../../../src/api/gen/transport_header_pb.js';
import { fromHostPort } from '../../../src/api/net-values.js';

interface Vector<Desc extends DescMessage> {
  readonly what: string;
  readonly schema: Desc;
  readonly hex: string;
  readonly value: MessageInitShape<Desc>;
}

function vector<Desc extends DescMessage>(
  what: string,
  schema: Desc,
  hex: string,
  value: MessageInitShape<Desc>,
): Vector<DescMessage> {
  return { what, schema, hex: hex.replaceAll(' ', ''), value };
}

const VECTORS: readonly Vector<DescMessage>[] = [
  vector('a transport header, opaque', HeaderSchema, '08903f', { port: 8080 }),
  vector('a transport header, HTTP/1', HeaderSchema, '08903f 1a020a00', {
    port: 8080,
    sessionProtocol: { kind: { case: 'http1', value: {} } },
  }),
  vector('a transport header, HTTP/2', HeaderSchema, '08903f 1a021200', {
    port: 8080,
    sessionProtocol: { kind: { case: 'http2', value: {} } },
  }),
  vector(
    'a transport header with a name',
    HeaderSchema,
    '0850 1219666f6f2e6261722e7376632e636c75737465722e6c6f63616c 1a021200',
    {
      port: 80,
      name: 'foo.bar.svc.cluster.local',
      sessionProtocol: { kind: { case: 'http2', value: {} } },
    },
  ),
  vector(
    'an IPv4 address',
    TcpAddressSchema,
    '0a05 0d0100007f 10903f',
    fromHostPort({ ip: '127.0.0.1', port: 8080 }),
  ),
  vector(
    'an IPv6 address',
    TcpAddressSchema,
    '0a14 1212 0900000000000000fd 110100000000000000 1050',
    fromHostPort({ ip: 'fd00::1', port: 80 }),
  ),
  vector(
    'a question for endpoints',
    GetDestinationSchema,
    '121b7765622e6e732e7376632e636c75737465722e6c6f63616c3a3830',
    { path: 'web.ns.svc.cluster.local:80' },
  ),
  vector(
    'an endpoint with identity and hints',
    UpdateSchema,
    '0a2a0a280a0a0a050d0700000a10903f18904e2a0e0a050a03612e6222050a03612e6232070a00120308af20',
    {
      update: {
        case: 'add',
        value: {
          addrs: [
            {
              addr: fromHostPort({ ip: '10.0.0.7', port: 8080 }),
              weight: 10_000,
              tlsIdentity: {
                strategy: { case: 'dnsLikeIdentity', value: { name: 'a.b' } },
                serverName: { name: 'a.b' },
              },
              protocolHint: {
                protocol: { case: 'h2', value: {} },
                opaqueTransport: { inboundPort: 4143 },
              },
            },
          ],
        },
      },
    },
  ),
  vector('no endpoints of a service', UpdateSchema, '1a020801', {
    update: { case: 'noEndpoints', value: { exists: true } },
  }),
  vector('no such service', UpdateSchema, '1a00', {
    update: { case: 'noEndpoints', value: { exists: false } },
  }),
  vector('a question for a port', PortSpecSchema, '0a066e733a706f6410903f', {
    workload: 'ns:pod',
    port: 8080,
  }),
  vector('a question for an address', TrafficSpecSchema, '0a066e733a706f6412090a050d0100600a1050', {
    sourceWorkload: 'ns:pod',
    target: { case: 'addr', value: fromHostPort({ ip: '10.96.0.1', port: 80 }) },
  }),
];

for (const { what, schema, hex, value } of VECTORS) {
  test(`${what} is written and read as on the wire`, () => {
    const message = create(schema, value);
    assert.equal(Buffer.from(toBinary(schema, message)).toString('hex'), hex);
    assert.deepEqual(fromBinary(schema, Buffer.from(hex, 'hex')), message);
  });
}

test('fields and alternatives of later versions are passed over', () => {
  // Field 100 of the message, and an alternative 9 of the update.
  const later = Buffer.from('a20603616263' + '4a0178', 'hex');
  assert.equal(fromBinary(UpdateSchema, later).update.case, undefined);
});
