// Issues certificates of workloads: ECDSA P-256, one DNS name, good for a while from now (reference,
// control plane §4 Certify, wire API §6 leaf profile).
import { webcrypto } from 'node:crypto';

// First: the package below needs it.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** Of clocks of other machines that are behind or ahead. */
const CLOCK_SKEW_MS = 20_000;
export const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const ECDSA_SHA256 = { name: 'ECDSA', hash: 'SHA-256' } as const;

export interface IssuedCertificate {
  readonly leaf: Uint8Array;
  /** From the issuer on, without the anchor. */
  readonly intermediates: readonly Uint8Array[];
  readonly notAfter: Date;
}

export interface AuthorityMaterial {
  /** PEM of the issuer, then of those above it. */
  readonly chain: readonly string[];
  /** PKCS#8, DER; ECDSA P-256. */
  readonly key: Uint8Array;
}

export class CertificateAuthority {
  readonly #chain: readonly x509.X509Certificate[];
  readonly #issuer: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  constructor(chain: readonly x509.X509Certificate[], key: webcrypto.CryptoKey) {
    const [issuer] = chain;
    if (issuer === undefined) throw new TypeError('an authority has a certificate');
    this.#chain = chain;
    this.#issuer = issuer;
    this.#key = key;
  }

  /** The material has been checked: the key is that of the first certificate. */
  static async of({ chain, key }: AuthorityMaterial): Promise<CertificateAuthority> {
    const signingKey = await webcrypto.subtle.importKey('pkcs8', key, P256, false, ['sign']);
    return new CertificateAuthority(
      chain.map((pem) => new x509.X509Certificate(pem)),
      signingKey,
    );
  }

  get notAfter(): Date {
    return this.#issuer.notAfter;
  }

  isValidAt(timeMs: number): boolean {
    return this.#issuer.notBefore.getTime() <= timeMs && timeMs < this.#issuer.notAfter.getTime();
  }

  /** `publicKey` is a SubjectPublicKeyInfo, DER. `nowMs` is Unix time. */
  async issue(
    identity: string,
    publicKey: Uint8Array,
    lifetimeMs: number,
    nowMs: number,
  ): Promise<IssuedCertificate> {
    // What outlives its issuer is worth nothing.
    const notAfterMs = Math.min(nowMs + lifetimeMs + CLOCK_SKEW_MS, this.#issuer.notAfter.getTime());
    const key = new x509.PublicKey(publicKey);
    const certificate = await x509.X509CertificateGenerator.create({
      subject: '',
      issuer: this.#issuer.subjectName,
      notBefore: new Date(nowMs - CLOCK_SKEW_MS),
      notAfter: new Date(notAfterMs),
      publicKey: key,
      signingKey: this.#key,
      signingAlgorithm: ECDSA_SHA256,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        // Critical, since there is no subject (RFC 5280 §4.2.1.6).
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: identity }], true),
        await x509.AuthorityKeyIdentifierExtension.create(this.#issuer.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(key),
      ],
    });
    return {
      leaf: new Uint8Array(certificate.rawData),
      intermediates: this.#chain
        .filter(({ subject, issuer }) => subject !== issuer)
        .map(({ rawData }) => new Uint8Array(rawData)),
      notAfter: certificate.notAfter,
    };
  }
}

/** PEM of a new anchor that issues certificates itself. */
export async function selfSignedAuthority(
  key: Uint8Array,
  publicKey: Uint8Array,
  nowMs: number,
  lifetimeMs: number,
): Promise<string> {
  const [signingKey, verifyingKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', key, P256, false, ['sign']),
    webcrypto.subtle.importKey('spki', publicKey, P256, true, ['verify']),
  ]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=sluice controller',
    notBefore: new Date(nowMs - CLOCK_SKEW_MS),
    notAfter: new Date(nowMs + lifetimeMs),
    keys: { privateKey: signingKey, publicKey: verifyingKey },
    signingAlgorithm: ECDSA_SHA256,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(verifyingKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}
