// The certificate of this proxy, made of an answer of the identity controller if that holds what it
// must (reference, proxy behaviour §6.1): an end that is to come, the name of this proxy, its key, and a
// way to the trust anchors.
import { type KeyObject, X509Certificate } from 'node:crypto';

import type { CertifyResponse } from '../api/gen/identity_pb.js';
import { failure, type Result, success } from '../core/result.js';
import { certificateNames, chainFault } from './certificate-chain.js';
import type { TrustAnchors } from './trust-anchors.js';

/** More would make the search for a way to the anchors long; real chains have one or two. */
const MOST_INTERMEDIATES = 8;

export interface CertifiedIdentity {
  readonly leafDer: Uint8Array;
  /** The issuer of the leaf first. */
  readonly intermediatesDer: readonly Uint8Array[];
  /** Milliseconds of Unix time. */
  readonly notAfterMs: number;
}

export interface IdentityExpectation {
  /** DNS name or URI. */
  readonly localId: string;
  readonly privateKey: KeyObject;
  readonly anchors: TrustAnchors;
  /** Milliseconds of Unix time. */
  readonly nowMs: number;
}

/** The error says what is wrong with the answer. */
export function certifiedIdentity(
  response: CertifyResponse,
  { localId, privateKey, anchors, nowMs }: IdentityExpectation,
): Result<CertifiedIdentity, string> {
  const { validUntil, leafCertificate, intermediateCertificates } = response;
  if (validUntil === undefined) return failure('the answer does not say how long it is valid');
  const notAfterMs = Number(validUntil.seconds) * 1000 + Math.floor(validUntil.nanos / 1_000_000);
  if (notAfterMs <= nowMs) return failure('the certificate has expired already');
  if (intermediateCertificates.length > MOST_INTERMEDIATES)
    return failure('too many intermediate certificates');
  const leaf = parse(leafCertificate);
  if (leaf === undefined) return failure('the certificate cannot be read');
  const intermediates = intermediateCertificates.map(parse);
  if (!intermediates.every((certificate) => certificate !== undefined)) {
    return failure('an intermediate certificate cannot be read');
  }
  if (!namesId(leaf, localId)) return failure(`the certificate is not for ${localId}`);
  if (!leaf.checkPrivateKey(privateKey)) return failure('the certificate is not for the key of this proxy');
  const fault = chainFault({ leaf, intermediates, anchors, atMs: nowMs });
  if (fault !== undefined) return failure(fault);
  return success({ leafDer: leafCertificate, intermediatesDer: intermediateCertificates, notAfterMs });
}

function namesId(leaf: X509Certificate, localId: string): boolean {
  const names = certificateNames(leaf);
  return names.has(localId.includes('://') ? localId : localId.toLowerCase());
}

function parse(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
