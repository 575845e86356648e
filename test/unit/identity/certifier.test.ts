// Keeping this proxy certified: when it asks, with what, and what failures do.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { type CertifyResponse, CertifyResponseSchema } from '../../../src/api/gen/identity_pb.js';
import type { CertifyClient, SigningQuestion } from '../../../src/control/certify-client.js';
import type { RpcStatus } from '../../../src/control/rpc-status.js';
import { failure, type Result, success } from '../../../src/core/result.js';
import { Certifier } from '../../../src/identity/certifier.js';
import { readSigningMaterial } from '../../../src/identity/signing-material.js';
import { parseTrustAnchors } from '../../../src/identity/trust-anchors.js';
import {
  ACertificateAuthority,
  aKeyPair,
  aSigningRequest,
  pkcs8,
} from '../../support/a-certificate-authority.js';
import { ManualClock } from '../../support/manual-clock.js';
import { aFolder, until } from '../../support/processes.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const ID = 'web.default.serviceaccount.identity.linkerd.cluster.local';
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.secret';
const NOW_MS = Date.UTC(2030, 0, 1);
const HOUR_MS = 3_600_000;
const LOST: RpcStatus = { code: 14, message: 'connection lost' };

const authority = await ACertificateAuthority.create('root', NOW_MS);
const keys = await aKeyPair();
const requestDer = await aSigningRequest(keys, ID);
const leaf = await authority.leaf(keys, { names: [ID] });

/** Answers in turn; the last answer again and again; `silent`: only when it is given up. */
class FakeClient implements CertifyClient {
  readonly questions: SigningQuestion[] = [];
  silent = false;
  answer: Result<CertifyResponse, RpcStatus> = failure(LOST);

  certify(question: SigningQuestion, signal: AbortSignal): Promise<Result<CertifyResponse, RpcStatus>> {
    this.questions.push(question);
    if (!this.silent) return Promise.resolve(this.answer);
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        resolve(failure({ code: 1, message: (signal.reason as Error).message }));
      });
    });
  }
}

class Fixture {
  readonly clock = new ManualClock(NOW_MS);
  readonly logger = new RecordingLogger();
  readonly client = new FakeClient();
  readonly certifier: Certifier;
  readonly tokenFile: string;

  private constructor(t: TestContext, tokenFile: string, certifier: (fixture: Fixture) => Certifier) {
    this.tokenFile = tokenFile;
    this.certifier = certifier(this);
    t.after(() => this.certifier.stop());
  }

  static async create(t: TestContext): Promise<Fixture> {
    const folder = await aFolder(t);
    await writeFile(join(folder, 'csr.der'), requestDer);
    await writeFile(join(folder, 'key.p8'), await pkcs8(keys));
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, `${TOKEN}\n`);
    const material = await readSigningMaterial(folder);
    const anchors = parseTrustAnchors(authority.pem);
    assert.ok(material.ok && anchors.ok);
    return new Fixture(
      t,
      tokenFile,
      ({ client, clock, logger }) =>
        new Certifier({
          client,
          serverName: ID,
          localId: ID,
          material: material.value,
          tokenFile,
          anchors: anchors.value,
          minRefreshMs: 10_000,
          maxRefreshMs: 24 * HOUR_MS,
          clock,
          logger,
        }),
    );
  }

  /** What the controller answers from now on: a certificate that ends then, after the present moment. */
  certifyFor(lifeMs: number): void {
    const validUntil = { seconds: BigInt((this.clock.wallTime() + lifeMs) / 1000) };
    this.client.answer = success(create(CertifyResponseSchema, { leafCertificate: leaf, validUntil }));
  }

  async start(): Promise<void> {
    await this.certifier.start();
    await this.attempted(1);
  }

  /** So many attempts are over, and the wait for the next has begun. */
  async attempted(count: number): Promise<void> {
    await until(`attempt ${String(count)} is over`, () => this.client.questions.length === count);
    await until('it waits', () => this.clock.waiting === 1);
  }
}

test('the question carries name, request, and the token as the file has it now', async (t) => {
  const fixture = await Fixture.create(t);
  await fixture.start();
  const [first] = fixture.client.questions;
  assert.equal(first?.identity, ID);
  assert.equal(Buffer.from(first.token).toString(), `${TOKEN}\n`);
  assert.deepEqual([...first.certificateSigningRequest], [...requestDer]);
  await writeFile(fixture.tokenFile, 'renewed');
  fixture.clock.advance(10_000);
  await fixture.attempted(2);
  assert.equal(Buffer.from(fixture.client.questions[1]?.token ?? []).toString(), 'renewed');
});

test('the first certificate is told of, kept, and renewed after 70 % of its life', async (t) => {
  const fixture = await Fixture.create(t);
  fixture.certifyFor(HOUR_MS);
  await fixture.start();
  assert.equal(fixture.certifier.identity.value?.notAfterMs, NOW_MS + HOUR_MS);
  assert.deepEqual(
    fixture.logger.at('info').map(({ message }) => message),
    ['Certified identity'],
  );
  assert.deepEqual(fixture.certifier.counts, {
    ok: 1,
    error: 0,
    expirationSeconds: (NOW_MS + HOUR_MS) / 1000,
    refreshSeconds: NOW_MS / 1000,
  });
  assert.equal(fixture.clock.untilNext, 0.7 * HOUR_MS);
  fixture.certifyFor(2 * HOUR_MS);
  fixture.clock.advance(0.7 * HOUR_MS);
  await fixture.attempted(2);
  assert.equal(fixture.certifier.identity.value.notAfterMs, NOW_MS + 2 * HOUR_MS);
  assert.equal(fixture.logger.at('info').length, 1);
});

for (const [lifeMs, expectedMs] of [
  [1000, 10_000],
  [60 * 24 * HOUR_MS, 24 * HOUR_MS],
] as const) {
  test(`a life of ${String(lifeMs)} ms is renewed after ${String(expectedMs)} ms, within the bounds`, async (t) => {
    const fixture = await Fixture.create(t);
    fixture.certifyFor(lifeMs);
    await fixture.start();
    assert.equal(fixture.clock.untilNext, expectedMs);
  });
}

test('a failed renewal leaves the certificate, and is tried again after 70 % of what remains', async (t) => {
  const fixture = await Fixture.create(t);
  fixture.certifyFor(HOUR_MS);
  await fixture.start();
  fixture.client.answer = failure(LOST);
  fixture.clock.advance(0.7 * HOUR_MS);
  await fixture.attempted(2);
  assert.equal(fixture.certifier.identity.value?.notAfterMs, NOW_MS + HOUR_MS);
  assert.equal(Math.round(fixture.clock.untilNext ?? 0), Math.round(0.7 * 0.3 * HOUR_MS));
  assert.equal(fixture.certifier.counts.error, 0);
});

test('failures are logged without token or key, and tried again after the minimum', async (t) => {
  const fixture = await Fixture.create(t);
  fixture.client.answer = failure({ code: 9, message: `token ${TOKEN} is not known` });
  await fixture.start();
  const [{ message, fields } = assert.fail('not logged')] = fixture.logger.at('error');
  assert.equal(message, 'Failed to obtain identity');
  assert.equal(fields['error'], 'FailedPrecondition: token (token) is not known');
  assert.ok(!JSON.stringify(fixture.logger.records).includes(TOKEN));
  assert.equal(fixture.clock.untilNext, 10_000);
  assert.equal(fixture.certifier.identity.value, undefined);
});

test('an answer that cannot be used counts as an error', async (t) => {
  const fixture = await Fixture.create(t);
  fixture.client.answer = success(create(CertifyResponseSchema, { leafCertificate: leaf }));
  await fixture.start();
  assert.equal(fixture.certifier.counts.error, 1);
  assert.equal(
    fixture.logger.at('error')[0]?.fields['error'],
    'the answer does not say how long it is valid',
  );
});

test('an empty token is a failed attempt that asks nobody', async (t) => {
  const fixture = await Fixture.create(t);
  await writeFile(fixture.tokenFile, '');
  await fixture.certifier.start();
  await until('it waits', () => fixture.clock.waiting === 1);
  assert.deepEqual(fixture.client.questions, []);
  assert.equal(fixture.logger.at('error')[0]?.fields['error'], `${fixture.tokenFile} is empty`);
});

test('an attempt without answer is given up in the end', async (t) => {
  const fixture = await Fixture.create(t);
  fixture.client.silent = true;
  await fixture.start();
  fixture.clock.advance(60_000);
  await until('it is told', () => fixture.logger.at('error').length === 1);
  assert.equal(fixture.logger.at('error')[0]?.fields['error'], 'Cancelled: no answer within 60000 ms');
});

test('stop ends waits and questions, and nothing is asked or logged after it', async (t) => {
  const waiting = await Fixture.create(t);
  await waiting.start();
  await waiting.certifier.stop();
  assert.equal(waiting.clock.waiting, 0);
  const asking = await Fixture.create(t);
  asking.client.silent = true;
  await asking.start();
  await asking.certifier.stop();
  assert.deepEqual(asking.logger.records, []);
  assert.equal(asking.clock.waiting, 0);
});

test('signing material that is missing, empty or no key is named by its file', async (t) => {
  const folder = await aFolder(t);
  const csr = join(folder, 'csr.der');
  const key = join(folder, 'key.p8');
  assert.deepEqual(await readSigningMaterial(folder), failure(`${csr} cannot be read: ENOENT`));
  await writeFile(csr, '');
  assert.deepEqual(await readSigningMaterial(folder), failure(`${csr} is empty`));
  await writeFile(csr, requestDer);
  await writeFile(key, 'no key');
  assert.deepEqual(await readSigningMaterial(folder), failure(`${key} is not a private key in PKCS#8`));
});
