// The certificates that every identity of the mesh must be traced back to (LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS).
import { X509Certificate } from 'node:crypto';

import { failure, type Result, success } from '../core/result.js';

/** At least one. */
export type TrustAnchors = readonly [X509Certificate, ...X509Certificate[]];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Certificates in PEM, one after another; what is between them is passed over. The error says what is wrong. */
export function parseTrustAnchors(pem: string): Result<TrustAnchors, string> {
  const anchors: X509Certificate[] = [];
  for (const [index, [block]] of [...pem.matchAll(CERTIFICATE)].entries()) {
    try {
      anchors.push(new X509Certificate(block));
    } catch {
      return failure(`certificate ${String(index + 1)} cannot be read`);
    }
  }
  const [first, ...more] = anchors;
  return first === undefined ? failure('there is no certificate in it') : success([first, ...more]);
}
