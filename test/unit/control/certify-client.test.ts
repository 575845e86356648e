// One question to the identity controller, with a client of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';

import { CertifyRequestSchema, CertifyResponseSchema } from '../../../src/api/gen/identity_pb.js';
import { RemoteCertifyClient } from '../../../src/control/certify-client.js';
import { RPC_CODE } from '../../../src/control/rpc-status.js';
import { FakeTransport } from '../../support/fake-transport.js';

const OK = { code: RPC_CODE.ok, message: '' };
const QUESTION = {
  identity: 'web.default',
  token: Buffer.from('secret'),
  certificateSigningRequest: Buffer.from([1, 2]),
};

test('the question carries identity, token and request; its client is closed with the answer', async () => {
  const transport = new FakeTransport();
  const asked = new RemoteCertifyClient(() => transport).certify(QUESTION, new AbortController().signal);
  const { question, listener } = transport.latest;
  assert.equal(question.path, '/io.linkerd.proxy.identity.Identity/Certify');
  const { identity, token, certificateSigningRequest } = fromBinary(CertifyRequestSchema, question.request);
  assert.deepEqual(
    [identity, Buffer.from(token).toString(), [...certificateSigningRequest]],
    ['web.default', 'secret', [1, 2]],
  );
  assert.deepEqual([transport.started, transport.closed], [1, 0]);
  const response = create(CertifyResponseSchema, { leafCertificate: Buffer.from([7]) });
  listener.message(toBinary(CertifyResponseSchema, response));
  listener.end(OK);
  const answer = await asked;
  assert.deepEqual(answer.ok && [...answer.value.leafCertificate], [7]);
  assert.equal(transport.closed, 1);
});

test('a status, no message, and bytes that are none are failures', async () => {
  const cases = [
    [undefined, { code: RPC_CODE.failedPrecondition, message: 'who?' }, { code: 9, message: 'who?' }],
    [undefined, OK, { code: 13, message: 'the response is empty' }],
    [Buffer.alloc(5, 0xff), OK, { code: 13, message: 'the response cannot be decoded' }],
  ] as const;
  for (const [bytes, status, expected] of cases) {
    const transport = new FakeTransport();
    const asked = new RemoteCertifyClient(() => transport).certify(QUESTION, new AbortController().signal);
    if (bytes !== undefined) transport.latest.listener.message(bytes);
    transport.latest.listener.end(status);
    assert.deepEqual(await asked, { ok: false, error: expected });
    assert.equal(transport.closed, 1);
  }
});

test('each question has a client of its own, and is given up when its signal says so', async () => {
  const transports: FakeTransport[] = [];
  const client = new RemoteCertifyClient(() => {
    const transport = new FakeTransport();
    transports.push(transport);
    return transport;
  });
  for (let count = 0; count < 2; count += 1) {
    const abort = new AbortController();
    const asked = client.certify(QUESTION, abort.signal);
    abort.abort(new Error('too late'));
    assert.deepEqual(await asked, { ok: false, error: { code: RPC_CODE.cancelled, message: 'too late' } });
  }
  assert.deepEqual(
    transports.map(({ latest, closed }) => [latest.cancelled, closed]),
    [
      ['unwanted', 1],
      ['unwanted', 1],
    ],
  );
});
