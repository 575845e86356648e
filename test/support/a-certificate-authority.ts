// Certificates for tests: an authority with ECDSA P-256 keys like those of Linkerd, which signs whatever
// it is asked to, also what nobody should accept. Times are milliseconds of Unix time.
import 'reflect-metadata';

import { KeyObject, webcrypto } from 'node:crypto';

import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
const DAY_MS = 86_400_000;

x509.cryptoProvider.set(webcrypto as never);

export interface LeafOptions {
  /** DNS names, or URIs where they have `://`. */
  readonly names: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Object identifiers of extended key usage. */
  readonly usages?: readonly string[];
}

export async function aKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

export function privateKeyOf({ privateKey }: webcrypto.CryptoKeyPair): KeyObject {
  return KeyObject.from(privateKey);
}

export class ACertificateAuthority {
  readonly certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #nowMs: number;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair, nowMs: number) {
    this.certificate = certificate;
    this.#keys = keys;
    this.#nowMs = nowMs;
  }

  /** A root, or with `issuer` what that has signed. `ca`: whether it says that it may sign. */
  static async create(
    name: string,
    nowMs: number,
    { issuer, ca = true }: { readonly issuer?: ACertificateAuthority; readonly ca?: boolean } = {},
  ): Promise<ACertificateAuthority> {
    const keys = await aKeyPair();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: '01',
      subject: `CN=${name}`,
      issuer: issuer === undefined ? `CN=${name}` : issuer.certificate.subject,
      notBefore: new Date(nowMs - DAY_MS),
      notAfter: new Date(nowMs + 30 * DAY_MS),
      publicKey: keys.publicKey,
      signingKey: (issuer === undefined ? keys : issuer.#keys).privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [new x509.BasicConstraintsExtension(ca, undefined, true)],
    });
    return new ACertificateAuthority(certificate, keys, nowMs);
  }

  get pem(): string {
    return this.certificate.toString('pem');
  }

  get der(): Uint8Array {
    return new Uint8Array(this.certificate.rawData);
  }

  /** DER. */
  async leaf(keys: webcrypto.CryptoKeyPair, options: LeafOptions): Promise<Uint8Array> {
    const { names, notBeforeMs, notAfterMs, usages = [SERVER_AUTHENTICATION] } = options;
    const alternatives = names.map((value) =>
      value.includes('://') ? ({ type: 'url', value } as const) : ({ type: 'dns', value } as const),
    );
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: '02',
      subject: '',
      issuer: this.certificate.subject,
      notBefore: new Date(notBeforeMs ?? this.#nowMs - 20_000),
      notAfter: new Date(notAfterMs ?? this.#nowMs + DAY_MS),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.SubjectAlternativeNameExtension(alternatives, true),
        ...(usages.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...usages])]),
      ],
    });
    return new Uint8Array(certificate.rawData);
  }
}

/** PKCS#10, DER. */
export async function aSigningRequest(keys: webcrypto.CryptoKeyPair, name: string): Promise<Uint8Array> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: '',
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  return new Uint8Array(request.rawData);
}

/** PKCS#8, DER. */
export async function pkcs8(keys: webcrypto.CryptoKeyPair): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
}
