// Which answers of the identity controller become the certificate of this proxy.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create, type MessageInitShape } from '@bufbuild/protobuf';

import { CertifyResponseSchema } from '../../../src/api/gen/identity_pb.js';
import { certifiedIdentity } from '../../../src/identity/certified-identity.js';
import { parseTrustAnchors, type TrustAnchors } from '../../../src/identity/trust-anchors.js';
import { ACertificateAuthority, aKeyPair, privateKeyOf } from '../../support/a-certificate-authority.js';

const NOW_MS = Date.UTC(2030, 0, 1);
const DAY_MS = 86_400_000;
const ID = 'web.default.serviceaccount.identity.linkerd.cluster.local';

const root = await ACertificateAuthority.create('root', NOW_MS);
const issuer = await ACertificateAuthority.create('issuer', NOW_MS, { issuer: root });
const noIssuer = await ACertificateAuthority.create('no issuer', NOW_MS, { issuer: root, ca: false });
const stranger = await ACertificateAuthority.create('root', NOW_MS);
const keys = await aKeyPair();
const otherKeys = await aKeyPair();
const anchors = anchorsOf(root.pem);
const leaf = await issuer.leaf(keys, { names: [ID] });

function anchorsOf(pem: string): TrustAnchors {
  const parsed = parseTrustAnchors(pem);
  return parsed.ok ? parsed.value : assert.fail(parsed.error);
}

function until(atMs: number): { seconds: bigint } {
  return { seconds: BigInt(atMs / 1000) };
}

/** The error; undefined when it is taken. */
function fault(response: MessageInitShape<typeof CertifyResponseSchema>, localId = ID): string | undefined {
  const made = certifiedIdentity(create(CertifyResponseSchema, response), {
    localId,
    privateKey: privateKeyOf(keys),
    anchors,
    nowMs: NOW_MS,
  });
  return made.ok ? undefined : made.error;
}

const GOOD = {
  leafCertificate: leaf,
  intermediateCertificates: [issuer.der],
  validUntil: until(NOW_MS + DAY_MS),
};

test('a certificate for this proxy that leads to the anchors is taken with its chain', () => {
  const made = certifiedIdentity(create(CertifyResponseSchema, GOOD), {
    localId: ID,
    privateKey: privateKeyOf(keys),
    anchors,
    nowMs: NOW_MS,
  });
  assert.deepEqual(made, {
    ok: true,
    value: { leafDer: leaf, intermediatesDer: [issuer.der], notAfterMs: NOW_MS + DAY_MS },
  });
});

test('the end of validity must be there, and be to come', () => {
  const { leafCertificate, intermediateCertificates } = GOOD;
  assert.match(fault({ leafCertificate, intermediateCertificates }) ?? '', /does not say how long/);
  assert.match(fault({ ...GOOD, validUntil: until(NOW_MS) }) ?? '', /expired/);
});

test('it must name this proxy, by DNS name in whatever case or by URI', async () => {
  assert.match(fault(GOOD, 'api.default') ?? '', /not for api.default/);
  assert.equal(fault(GOOD, ID.toUpperCase()), undefined);
  const id = 'spiffe://root.linkerd/ns/a,b';
  const ofUri = { ...GOOD, leafCertificate: await issuer.leaf(keys, { names: ['x.example', id] }) };
  assert.equal(fault(ofUri, id), undefined);
  assert.match(fault(ofUri, 'spiffe://root.linkerd/ns/a') ?? '', /not for/);
});

test('it must be for the key of this proxy', async () => {
  const ofOther = await issuer.leaf(otherKeys, { names: [ID] });
  assert.match(fault({ ...GOOD, leafCertificate: ofOther }) ?? '', /key/);
});

test('it must lead to an anchor over those that may issue', async () => {
  const untraced = /cannot be traced/;
  assert.match(fault({ ...GOOD, intermediateCertificates: [] }) ?? '', untraced);
  assert.match(fault({ ...GOOD, intermediateCertificates: [stranger.der] }) ?? '', untraced);
  const byNobody = { ...GOOD, leafCertificate: await noIssuer.leaf(keys, { names: [ID] }) };
  assert.match(fault({ ...byNobody, intermediateCertificates: [noIssuer.der] }) ?? '', untraced);
  // Equal names, another key.
  const byStranger = { ...GOOD, leafCertificate: await stranger.leaf(keys, { names: [ID] }) };
  assert.match(fault(byStranger) ?? '', untraced);
  const byRoot = {
    ...GOOD,
    leafCertificate: await root.leaf(keys, { names: [ID] }),
    intermediateCertificates: [],
  };
  assert.equal(fault(byRoot), undefined);
});

test('the order of intermediates does not matter, and what is of no use among them does no harm', () => {
  assert.equal(
    fault({ ...GOOD, intermediateCertificates: [stranger.der, noIssuer.der, issuer.der] }),
    undefined,
  );
});

test('it must be valid now, and for servers if it says what it is for', async () => {
  const names = [ID];
  const early = await issuer.leaf(keys, { names, notBeforeMs: NOW_MS + 60_000 });
  assert.match(fault({ ...GOOD, leafCertificate: early }) ?? '', /not valid now/);
  const late = await issuer.leaf(keys, { names, notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS - 1000 });
  assert.match(fault({ ...GOOD, leafCertificate: late }) ?? '', /not valid now/);
  const forClients = await issuer.leaf(keys, { names, usages: ['1.3.6.1.5.5.7.3.2'] });
  assert.match(fault({ ...GOOD, leafCertificate: forClients }) ?? '', /not for servers/);
  const forAnything = await issuer.leaf(keys, { names, usages: [] });
  assert.equal(fault({ ...GOOD, leafCertificate: forAnything }), undefined);
});

test('what cannot be read is refused', () => {
  const nonsense = Buffer.from('nonsense');
  assert.match(fault({ ...GOOD, leafCertificate: nonsense }) ?? '', /cannot be read/);
  assert.match(fault({ ...GOOD, intermediateCertificates: [issuer.der, nonsense] }) ?? '', /cannot be read/);
  const many = new Array<Uint8Array>(9).fill(issuer.der);
  assert.match(fault({ ...GOOD, intermediateCertificates: many }) ?? '', /too many/);
});

test('trust anchors are certificates in PEM, with anything between them', () => {
  assert.equal(anchorsOf(`# old\n${root.pem}\n# new\n${stranger.pem}\n`).length, 2);
  assert.deepEqual(parseTrustAnchors(''), { ok: false, error: 'there is no certificate in it' });
  const broken = `${root.pem}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`;
  assert.deepEqual(parseTrustAnchors(broken), { ok: false, error: 'certificate 2 cannot be read' });
});
