// Certificate signing requests (PKCS#10, RFC 2986): whether one asks for exactly one identity, and proves
// that whoever asks has the key (reference, control plane §5 1, wire API §4 identity).
import { createPublicKey } from 'node:crypto';

// First: the package below needs it.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

import { failure, type Result, success } from '../core/result.js';
import { type Refusal, refused, StatusCode } from './answer.js';

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

/** Answers the public key, SubjectPublicKeyInfo in DER. Never rejects. */
export async function readSigningRequest(
  der: Uint8Array,
  identity: string,
): Promise<Result<Uint8Array, Refusal>> {
  let request: x509.Pkcs10CertificateRequest;
  let names: readonly x509.GeneralName[];
  let publicKey: Uint8Array;
  try {
    request = new x509.Pkcs10CertificateRequest(Uint8Array.from(der));
    names = request.extensions
      .filter(({ type }) => type === SUBJECT_ALTERNATIVE_NAME)
      .flatMap(({ rawData }) => new x509.SubjectAlternativeNameExtension(rawData).names.items);
    publicKey = new Uint8Array(request.publicKey.rawData);
    if (!isP256(publicKey)) return invalid('its key is not one of ECDSA P-256');
    // What it is signed with proves that its key is that of whoever asks.
    if (!(await request.verify())) return invalid('its signature is wrong');
  } catch {
    return invalid('it is not PKCS#10 in DER');
  }
  const [name] = names;
  if (name === undefined || names.length > 1) return mismatch('it does not have exactly one name');
  if (name.type !== 'dns') return mismatch('its name is not a DNS name');
  if (name.value !== identity) return mismatch('its name is not the identity');
  const commonNames = request.subjectName.getField('CN').filter((text) => text !== '');
  if (commonNames.some((text) => text !== identity)) return mismatch('its common name is not the identity');
  return success(publicKey);
}

function isP256(publicKey: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

function invalid(why: string): Result<never, Refusal> {
  return failure(refused(StatusCode.INVALID_ARGUMENT, `the signing request cannot be used: ${why}`));
}

function mismatch(why: string): Result<never, Refusal> {
  return failure(refused(StatusCode.FAILED_PRECONDITION, `the signing request does not fit: ${why}`));
}
