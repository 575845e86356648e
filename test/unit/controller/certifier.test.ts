// Certificates of workloads: for whom, with what in them, and what everybody else is answered.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { create } from '@bufbuild/protobuf';

import {
  type CertifyRequest,
  CertifyRequestSchema,
  type CertifyResponse,
} from '../../../src/api/gen/identity_pb.js';
import type { MeshConfig } from '../../../src/config/mesh-config.js';
import { type Refusal, StatusCode } from '../../../src/controller/answer.js';
import { Certifier } from '../../../src/controller/certifier.js';
import { systemClock } from '../../../src/core/clock.js';
import type { Result } from '../../../src/core/result.js';
import { Watch } from '../../../src/core/watch.js';
import { ManualClock } from '../../support/manual-clock.js';
import { parsedMesh } from '../../support/mesh-questions.js';
import { aFolder, output } from '../../support/processes.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { type RequestParts, signingRequest } from '../../support/workload-keys.js';

const WEB = 'web.default.serviceaccount.identity.linkerd.cluster.local';
const FILE = `identity:
  lifetime: 1h
  workloads:
    - { name: web.default, tokenFile: tokens/web }
    - { name: api.default, tokenVariable: API_TOKEN }
    - { name: gone.default, tokenFile: tokens/gone }
    - { name: unset.default, tokenVariable: NOT_SET }
`;
const SECRET = 'a-secret-that-nobody-may-see';

class Fixture {
  readonly folder: string;
  readonly config: Watch<MeshConfig>;
  readonly logger = new RecordingLogger();
  readonly certifier: Certifier;
  readonly #request: Buffer;

  constructor(folder: string, request: Buffer, text: string, clock = systemClock) {
    this.folder = folder;
    this.#request = request;
    this.config = new Watch(parsedMesh(text));
    this.certifier = new Certifier({
      config: this.config,
      folder: join(folder, 'ca'),
      tokens: { folder, variables: { API_TOKEN: `${SECRET}\n` } },
      clock,
      logger: this.logger,
    });
  }

  static async of(
    t: TestContext,
    parts: RequestParts = { names: [`DNS:${WEB}`] },
    text = FILE,
  ): Promise<Fixture> {
    const folder = await aFolder(t);
    await mkdir(join(folder, 'tokens'));
    await writeFile(join(folder, 'tokens', 'web'), `${SECRET}\n`);
    const fixture = new Fixture(folder, await signingRequest(folder, 'web', parts), text);
    await fixture.certifier.start();
    t.after(() => fixture.certifier.stop());
    return fixture;
  }

  ask(changes: Partial<CertifyRequest> = {}): Promise<Result<CertifyResponse, Refusal>> {
    const token = Buffer.from(SECRET);
    const request = { identity: WEB, token, certificateSigningRequest: this.#request, ...changes };
    return this.certifier.certify(create(CertifyRequestSchema, request));
  }

  async code(changes: Partial<CertifyRequest> = {}): Promise<number | 'certified'> {
    const outcome = await this.ask(changes);
    const said = JSON.stringify([this.logger.records, outcome.ok ? '' : outcome.error]);
    assert.doesNotMatch(said, new RegExp(SECRET), 'a token has been told');
    return outcome.ok ? 'certified' : outcome.error.code;
  }
}

test('a workload with its token gets a certificate of its name that openssl verifies', async (t) => {
  const fixture = await Fixture.of(t, { names: [`DNS:${WEB}`], subject: `/CN=web` });
  assert.equal(await fixture.code(), StatusCode.FAILED_PRECONDITION);
  const good = await Fixture.of(t);
  const before = Date.now();
  const outcome = await good.ask();
  assert.ok(outcome.ok);
  const { leafCertificate, intermediateCertificates, validUntil } = outcome.value;
  assert.deepEqual(intermediateCertificates, []);
  const leaf = new X509Certificate(leafCertificate);
  assert.equal(leaf.subjectAltName, `DNS:${WEB}`);
  assert.equal(leaf.ca, false);
  assert.equal(leaf.serialNumber.startsWith('-'), false);
  const lasts = Date.parse(leaf.validTo) - before;
  // An hour, and twenty seconds for clocks that are ahead; whole seconds in the certificate.
  assert.ok(lasts > 3_618_000 && lasts < 3_680_000, String(lasts));
  assert.ok(Date.parse(leaf.validFrom) <= before - 19_000);
  assert.equal(Number(validUntil?.seconds) * 1000, Date.parse(leaf.validTo));
  const file = join(good.folder, 'leaf.pem');
  await writeFile(file, leaf.toString());
  const anchors = good.certifier.anchorsFile ?? '';
  for (const purpose of ['sslserver', 'sslclient']) {
    const words = ['-CAfile', anchors, '-purpose', purpose, '-x509_strict', '-verify_hostname', WEB, file];
    assert.match(await output(['openssl', 'verify', ...words]), /: OK/);
  }
  const key = await output(['openssl', 'pkey', '-in', join(good.folder, 'web.pem'), '-pubout']);
  assert.equal(leaf.publicKey.export({ format: 'pem', type: 'spki' }), key);
});

test('a common name that is the identity does no harm', async (t) => {
  // A common name has 64 characters at most.
  const name = 'web.mesh.cluster.local';
  const text = `identity: { workloads: [{ name: ${name}, tokenFile: tokens/web }] }`;
  const fixture = await Fixture.of(t, { names: [`DNS:${name}`], subject: `/CN=${name}` }, text);
  assert.equal(await fixture.code({ identity: name }), 'certified');
});

test('a token may stand in a variable, and its workload gets no certificate of another', async (t) => {
  const api = WEB.replace('web.', 'api.');
  const fixture = await Fixture.of(t, { names: [`DNS:${api}`] });
  assert.equal(await fixture.code({ identity: api }), 'certified');
  assert.equal(await fixture.code({ identity: WEB }), StatusCode.FAILED_PRECONDITION);
});

test('a token that was replaced in its file is the one that counts', async (t) => {
  const fixture = await Fixture.of(t);
  await writeFile(join(fixture.folder, 'tokens', 'web'), 'another');
  assert.equal(await fixture.code(), StatusCode.FAILED_PRECONDITION);
  assert.equal(await fixture.code({ token: Buffer.from('another\n') }), 'certified');
});

test('what is missing or malformed is an invalid argument, a wrong token is not', async (t) => {
  const fixture = await Fixture.of(t);
  const { INVALID_ARGUMENT, FAILED_PRECONDITION, INTERNAL } = StatusCode;
  for (const [what, changes, code] of [
    ['no identity', { identity: '' }, INVALID_ARGUMENT],
    ['no name', { identity: 'a name' }, INVALID_ARGUMENT],
    ['no token', { token: new Uint8Array() }, INVALID_ARGUMENT],
    ['a token of two lines', { token: Buffer.from('a\nb') }, INVALID_ARGUMENT],
    ['a token of bytes', { token: Uint8Array.from([1, 2, 3]) }, INVALID_ARGUMENT],
    ['no request', { certificateSigningRequest: new Uint8Array() }, INVALID_ARGUMENT],
    ['junk', { certificateSigningRequest: Buffer.from('junk') }, INVALID_ARGUMENT],
    ['a wrong token', { token: Buffer.from(`${SECRET}x`) }, FAILED_PRECONDITION],
    ['another name', { identity: WEB.replace('web', 'other') }, FAILED_PRECONDITION],
  ] as const) {
    assert.equal(await fixture.code(changes), code, what);
  }
  for (const name of ['gone', 'unset']) {
    const identity = WEB.replace('web', name);
    const csr = await signingRequest(fixture.folder, name, { names: [`DNS:${identity}`] });
    assert.equal(await fixture.code({ identity, certificateSigningRequest: csr }), INTERNAL, name);
  }
  const stranger = WEB.replace('web', 'stranger');
  const csr = await signingRequest(fixture.folder, 'stranger', { names: [`DNS:${stranger}`] });
  assert.equal(
    await fixture.code({ identity: stranger, certificateSigningRequest: csr }),
    FAILED_PRECONDITION,
  );
});

for (const [what, parts, code] of [
  ['no name', {}, StatusCode.FAILED_PRECONDITION],
  ['two names', { names: [`DNS:${WEB}`, 'DNS:other.example'] }, StatusCode.FAILED_PRECONDITION],
  ['an address beside it', { names: [`DNS:${WEB}`, 'IP:127.0.0.1'] }, StatusCode.FAILED_PRECONDITION],
  ['a URI', { names: ['URI:spiffe://cluster.local/web'] }, StatusCode.FAILED_PRECONDITION],
  ['another name', { names: ['DNS:other.example'] }, StatusCode.FAILED_PRECONDITION],
  ['a mail address', { names: [`DNS:${WEB}`, 'email:a@web.example'] }, StatusCode.FAILED_PRECONDITION],
  ['an RSA key', { names: [`DNS:${WEB}`], algorithm: ['-algorithm', 'RSA'] }, StatusCode.INVALID_ARGUMENT],
  [
    'an Ed25519 key',
    { names: [`DNS:${WEB}`], algorithm: ['-algorithm', 'ED25519'] },
    StatusCode.INVALID_ARGUMENT,
  ],
] as const) {
  test(`a signing request with ${what} is refused with ${String(code)}`, async (t) => {
    const fixture = await Fixture.of(t, parts);
    assert.equal(await fixture.code(), code);
  });
}

test('a signing request that was changed on its way is refused', async (t) => {
  const fixture = await Fixture.of(t);
  const other = await signingRequest(fixture.folder, 'other', {
    names: [`DNS:${WEB.replace('web', 'wob')}`],
  });
  // The same length, so the structure stays whole and only the signature is wrong.
  const forged = Buffer.from(other.toString('latin1').replace('wob.', 'web.'), 'latin1');
  assert.equal(await fixture.code({ certificateSigningRequest: forged }), StatusCode.INVALID_ARGUMENT);
});

test('without identity in the file nothing is made, and nobody is certified', async (t) => {
  const fixture = await Fixture.of(t, undefined, '{}');
  assert.equal(fixture.certifier.anchorsFile, undefined);
  await assert.rejects(readFile(join(fixture.folder, 'ca', 'ca.key')), { code: 'ENOENT' });
  assert.equal(await fixture.code(), StatusCode.UNAVAILABLE);
  fixture.config.set(parsedMesh(FILE));
  await fixture.logger.find(({ message }) => message === 'a new certificate authority is made');
  await fixture.certifier.stop();
  assert.equal(await fixture.code(), 'certified');
});

test('an authority that has expired issues nothing', async (t) => {
  const good = await Fixture.of(t);
  const { certificateSigningRequest } = create(CertifyRequestSchema, {
    certificateSigningRequest: await readFile(join(good.folder, 'web.der')),
  });
  const clock = new ManualClock(Date.now());
  const fixture = new Fixture(good.folder, Buffer.from(certificateSigningRequest), FILE, clock);
  await fixture.certifier.start();
  assert.equal(await fixture.code(), 'certified');
  clock.advance(11 * 365 * 86_400_000);
  assert.equal(await fixture.code(), StatusCode.UNAVAILABLE);
  await fixture.certifier.stop();
});
