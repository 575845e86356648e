// Whether a certificate can be traced to the trust anchors, and whom it names. Signatures, validity and
// the right to issue are checked of every certificate but the anchors themselves, which are trusted as
// they are (RFC 5280 §6.1); names of hosts play no part in the mesh.
import type { X509Certificate } from 'node:crypto';

import type { TrustAnchors } from './trust-anchors.js';

const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
/** One entry of node's text of a subject alternative name; values with odd characters are JSON. */
const ALTERNATIVE_NAME = /(DNS|URI):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g;

/** `atMs` is milliseconds of Unix time. */
export interface ChainQuestion {
  readonly leaf: X509Certificate;
  /** In any order. */
  readonly intermediates: readonly X509Certificate[];
  readonly anchors: TrustAnchors;
  readonly atMs: number;
}

/** Why the leaf is not to be trusted; undefined when it is. */
export function chainFault({ leaf, intermediates, anchors, atMs }: ChainQuestion): string | undefined {
  if (!validAt(leaf, atMs)) return 'the certificate is not valid now';
  const usages = leaf.keyUsage as readonly string[] | undefined;
  if (usages !== undefined && !usages.includes(SERVER_AUTHENTICATION)) {
    return 'the certificate is not for servers';
  }
  const usable = intermediates.filter((issuer) => issuer.ca && validAt(issuer, atMs));
  return reachesAnchor(leaf, usable, anchors)
    ? undefined
    : 'the certificate cannot be traced to the trust anchors';
}

/** The DNS and URI names it carries; DNS names in lower case. */
export function certificateNames(certificate: X509Certificate): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, kind, text = ''] of (certificate.subjectAltName ?? '').matchAll(ALTERNATIVE_NAME)) {
    const value = text.startsWith('"') ? (JSON.parse(text) as string) : text;
    names.add(kind === 'DNS' ? value.toLowerCase() : value);
  }
  return names;
}

/** Each intermediate is used at most once on a path, so that every search ends. */
function reachesAnchor(
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
  anchors: TrustAnchors,
): boolean {
  if (anchors.some((anchor) => issued(anchor, certificate))) return true;
  return intermediates.some(
    (issuer) =>
      issued(issuer, certificate) &&
      reachesAnchor(
        issuer,
        intermediates.filter((other) => other !== issuer),
        anchors,
      ),
  );
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function validAt(certificate: X509Certificate, atMs: number): boolean {
  return Date.parse(certificate.validFrom) <= atMs && atMs <= Date.parse(certificate.validTo);
}
