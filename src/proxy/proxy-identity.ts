// The identity of a proxy at its start: what it is asked for with is read, and the certificate waited
// for, with a line now and then for whoever wonders why nothing is accepted (reference, proxy behaviour
// §2.1, §6.1).
import { type CertificateSource, type IdentityConfig } from '../config/proxy-config.js';
import { isLoopbackService } from '../config/proxy-address-values.js';
import { type CertifyClient } from '../control/certify-client.js';
import { type Clock } from '../core/clock.js';
import { type Logger } from '../core/logger.js';
import { failure, type Result, success } from '../core/result.js';
import { Certifier } from '../identity/certifier.js';
import { readSigningMaterial } from '../identity/signing-material.js';
import { parseTrustAnchors } from '../identity/trust-anchors.js';

const WAITING_LINE_MS = 15_000;

export type ControllerCertificates = Extract<CertificateSource, { kind: 'controller' }>;

/** What this version can be certified by; the error says why not. */
export function usableCertificates({ certificates }: IdentityConfig): Result<ControllerCertificates, string> {
  if (certificates.kind === 'spire') {
    return failure('identities of SPIRE are not supported in this version');
  }
  // The token would be readable on the way.
  if (!isLoopbackService(certificates.controller.address)) {
    return failure(
      'the identity controller is not on this host, and TLS to controllers is not supported in this version',
    );
  }
  return success(certificates);
}

export interface CertifierParts {
  readonly identity: IdentityConfig;
  readonly certificates: ControllerCertificates;
  readonly client: CertifyClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Not started yet. The error names the variable or file. */
export async function makeCertifier(parts: CertifierParts): Promise<Result<Certifier, string>> {
  const { identity, certificates, client, clock, logger } = parts;
  const anchors = parseTrustAnchors(identity.trustAnchorsPem);
  if (!anchors.ok) return failure(`LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS: ${anchors.error}`);
  const material = await readSigningMaterial(certificates.directory);
  if (!material.ok) return material;
  const certifier = new Certifier({
    client,
    serverName: identity.serverName,
    localId: identity.id.id,
    material: material.value,
    tokenFile: certificates.tokenFile,
    anchors: anchors.value,
    minRefreshMs: certificates.minRefreshMs,
    maxRefreshMs: certificates.maxRefreshMs,
    clock,
    logger,
  });
  return success(certifier);
}

/** Resolves true with the first certificate, false when `signal` is aborted before. */
export function untilCertified(
  { identity }: Pick<Certifier, 'identity'>,
  clock: Clock,
  logger: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    let cancelLine: () => void = () => undefined;
    let unsubscribe: () => void = () => undefined;
    const finish = (certified: boolean): void => {
      cancelLine();
      unsubscribe();
      signal.removeEventListener('abort', onAbort);
      resolve(certified);
    };
    const onAbort = (): void => {
      finish(false);
    };
    const tellLater = (): void => {
      cancelLine = clock.after(WAITING_LINE_MS, () => {
        logger.warn({}, 'Waiting for identity to be initialized...');
        tellLater();
      });
    };
    if (signal.aborted) {
      resolve(false);
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    tellLater();
    unsubscribe = identity.subscribe((certified) => {
      if (certified !== undefined) finish(true);
    });
    // It may have been there when the subscription was made.
    if (identity.value !== undefined) unsubscribe();
  });
}
