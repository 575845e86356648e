// The folder of the authority: made once, kept, and refused when it cannot be right.
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { openAuthorityFolder } from '../../../src/controller/certificate-files.js';
import { aFolder, output } from '../../support/processes.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { signingRequest } from '../../support/workload-keys.js';

function opened(
  folder: string,
  logger = new RecordingLogger(),
  nowMs = Date.now(),
): ReturnType<typeof openAuthorityFolder> {
  return openAuthorityFolder(folder, nowMs, logger);
}

/** A root and an issuer below it, made by openssl, as `ca.crt`, `ca.key` and `anchors.crt`. */
async function ownIssuer(t: TestContext): Promise<{ folder: string; ca: string }> {
  const folder = await aFolder(t);
  const ca = join(folder, 'ca');
  await mkdir(ca);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const root = join(ca, 'anchors.crt');
  const rootKey = join(folder, 'root.key');
  const isAuthority = ['-addext', 'basicConstraints=critical,CA:TRUE'];
  await output(['openssl', 'req', '-x509', ...key, '-subj', '/CN=root', '-keyout', rootKey, '-out', root]);
  const signed = ['-CA', root, '-CAkey', rootKey, '-keyout', join(ca, 'ca.key'), '-out', join(ca, 'ca.crt')];
  await output(['openssl', 'req', '-x509', ...key, '-subj', '/CN=issuer', ...isAuthority, ...signed]);
  return { folder, ca };
}

test('an authority is made when there is none, its key only for its owner', async (t) => {
  const folder = join(await aFolder(t), 'state', 'ca');
  const { anchorsFile } = await opened(folder);
  assert.equal(anchorsFile, join(folder, 'ca.crt'));
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, 'ca.key'))).mode & 0o777, 0o600);
  assert.deepEqual((await readdir(folder)).sort(), ['ca.crt', 'ca.key']);
  assert.match(
    await output(['openssl', 'verify', '-x509_strict', '-CAfile', anchorsFile, anchorsFile]),
    /: OK/,
  );
});

test('an authority that is there is kept', async (t) => {
  const folder = await aFolder(t);
  await opened(folder);
  const before = await readFile(join(folder, 'ca.crt'), 'utf8');
  await opened(folder);
  assert.equal(await readFile(join(folder, 'ca.crt'), 'utf8'), before);
});

test('a start that was cut short after the key is finished by the next one', async (t) => {
  const folder = await aFolder(t);
  await opened(folder);
  const key = await readFile(join(folder, 'ca.key'), 'utf8');
  await unlink(join(folder, 'ca.crt'));
  await opened(folder);
  assert.equal(await readFile(join(folder, 'ca.key'), 'utf8'), key);
});

test('several that start at the same time use the same authority', async (t) => {
  const folder = join(await aFolder(t), 'ca');
  const all = await Promise.all(Array.from({ length: 8 }, () => opened(folder)));
  assert.equal(new Set(all.map(({ authority }) => authority.notAfter.getTime())).size, 1);
  assert.deepEqual((await readdir(folder)).sort(), ['ca.crt', 'ca.key']);
});

test('an issuer of one’s own is used, and goes along with what it issues', async (t) => {
  const { folder, ca } = await ownIssuer(t);
  const { authority, anchorsFile } = await opened(ca);
  assert.equal(anchorsFile, join(ca, 'anchors.crt'));
  await signingRequest(folder, 'web', {});
  const publicKey = join(folder, 'web.pub');
  const words = ['-in', join(folder, 'web.pem'), '-pubout', '-outform', 'DER', '-out', publicKey];
  await output(['openssl', 'pkey', ...words]);
  const issued = await authority.issue('web.example', await readFile(publicKey), 60_000, Date.now());
  assert.equal(issued.intermediates.length, 1);
  const [leaf, between] = [join(folder, 'leaf.der'), join(folder, 'between.der')];
  await writeFile(leaf, issued.leaf);
  await writeFile(between, issued.intermediates[0] ?? '');
  const verify = ['openssl', 'verify', '-CAfile', anchorsFile, '-untrusted', between, leaf] as const;
  assert.match(await output([...verify]), /: OK/);
});

test('nothing is issued that outlives the issuer', async (t) => {
  const { folder, ca } = await ownIssuer(t);
  const { authority } = await opened(ca);
  await signingRequest(folder, 'web', {});
  const file = join(folder, 'web.pub');
  await output([
    'openssl',
    'pkey',
    '-in',
    join(folder, 'web.pem'),
    '-pubout',
    '-outform',
    'DER',
    '-out',
    file,
  ]);
  const issued = await authority.issue('web.example', await readFile(file), 400 * 86_400_000, Date.now());
  assert.equal(issued.notAfter.getTime(), authority.notAfter.getTime());
});

test('a key that others can read is used, with a warning', async (t) => {
  const folder = await aFolder(t);
  await opened(folder);
  await chmod(join(folder, 'ca.key'), 0o644);
  const logger = new RecordingLogger();
  await opened(folder, logger);
  assert.match(logger.at('warn')[0]?.message ?? '', /can be read by others/);
});

for (const [what, spoil, message] of [
  [
    'the key is missing',
    (ca: string) => unlink(join(ca, 'ca.key')),
    /ca\.crt is there without its key, .*ca\.key/,
  ],
  [
    'the key is junk',
    (ca: string) => writeFile(join(ca, 'ca.key'), 'secret junk'),
    /ca\.key is not a private key/,
  ],
  [
    'the certificate is junk',
    (ca: string) => writeFile(join(ca, 'ca.crt'), 'junk'),
    /ca\.crt has no certificate/,
  ],
  [
    'the anchors are missing',
    (ca: string) => unlink(join(ca, 'anchors.crt')),
    /anchors\.crt with the anchors is missing/,
  ],
  [
    'the anchors are junk',
    (ca: string) => writeFile(join(ca, 'anchors.crt'), ''),
    /anchors\.crt has no certificate/,
  ],
  [
    'the key is that of somebody else',
    (ca: string) => copyFile(join(ca, '..', 'root.key'), join(ca, 'ca.key')),
    /ca\.crt is not of the key beside it/,
  ],
  [
    'the key is one of RSA',
    (ca: string) => output(['openssl', 'genpkey', '-algorithm', 'RSA', '-out', join(ca, 'ca.key')]),
    /ca\.key is not a key of ECDSA P-256/,
  ],
] as const) {
  test(`it is said which file is wrong when ${what}`, async (t) => {
    const { ca } = await ownIssuer(t);
    await spoil(ca);
    await assert.rejects(opened(ca), (error: Error) => {
      assert.equal(error.name, 'AuthorityFilesError');
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret junk/);
      return true;
    });
  });
}

test('an authority whose time is over cannot be used', async (t) => {
  const { ca } = await ownIssuer(t);
  await assert.rejects(
    opened(ca, undefined, Date.now() + 40 * 86_400_000),
    /ca\.crt is valid from .* to .* only/,
  );
});
