// Keeps this proxy certified (reference, proxy behaviour §6.1): asks at start, again when 70 % of the
// certificate's remaining life is over, and after a failure likewise; both within bounds. What is in
// force stays until something better is there. Neither key nor token is ever logged.
import type { CertifyClient } from '../control/certify-client.js';
import { rpcStatusText } from '../control/rpc-status.js';
import { type Clock, sleep } from '../core/clock.js';
import type { Component } from '../core/component.js';
import type { Logger } from '../core/logger.js';
import { failure, type Result } from '../core/result.js';
import { type ReadonlyWatch, Watch } from '../core/watch.js';
import { type CertifiedIdentity, certifiedIdentity } from './certified-identity.js';
import { readFilled, type SigningMaterial } from './signing-material.js';
import type { TrustAnchors } from './trust-anchors.js';

const REFRESH_FRACTION = 0.7;
/** The reference waits for ever; a controller that never answers would then end all renewal. */
const ATTEMPT_LIMIT_MS = 60_000;

export interface CertifierOptions {
  readonly client: CertifyClient;
  /** The name that is asked for. */
  readonly serverName: string;
  /** What the certificate must carry: DNS name or URI. */
  readonly localId: string;
  readonly material: SigningMaterial;
  readonly tokenFile: string;
  readonly anchors: TrustAnchors;
  readonly minRefreshMs: number;
  readonly maxRefreshMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** For the metrics of reference, proxy behaviour §8.6. */
export interface CertifierCounts {
  /** Certificates put into force. */
  readonly ok: number;
  /** Answers that could not be. */
  readonly error: number;
  /** Seconds of Unix time; 0 before the first certificate. */
  readonly expirationSeconds: number;
  /** When the latest one was put into force; seconds of Unix time, 0 before the first. */
  readonly refreshSeconds: number;
}

export class Certifier implements Component {
  readonly name = 'identity';
  readonly #options: CertifierOptions;
  readonly #identity = new Watch<CertifiedIdentity | undefined>(undefined);
  readonly #abort = new AbortController();
  #counts: CertifierCounts = { ok: 0, error: 0, expirationSeconds: 0, refreshSeconds: 0 };
  #loop: Promise<void> = Promise.resolve();

  constructor(options: CertifierOptions) {
    this.#options = options;
  }

  /** Undefined until the first certificate; an expired one stays until there is another. */
  get identity(): ReadonlyWatch<CertifiedIdentity | undefined> {
    return this.#identity;
  }

  get counts(): CertifierCounts {
    return this.#counts;
  }

  /** Does not wait for the certificate: `identity` tells. */
  start(): Promise<void> {
    this.#loop = this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('stopped'));
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#attempt();
      try {
        await sleep(clock, this.#untilRefresh(), signal);
      } catch {
        return;
      }
    }
  }

  async #attempt(): Promise<void> {
    const { logger, serverName } = this.#options;
    const certified = await this.#certify();
    if (this.#abort.signal.aborted) return;
    if (certified.ok) this.#install(certified.value);
    else logger.error({ identity: serverName, error: certified.error }, 'Failed to obtain identity');
  }

  async #certify(): Promise<Result<CertifiedIdentity, string>> {
    const { client, serverName, localId, material, tokenFile, anchors, clock } = this.#options;
    const token = await readFilled(tokenFile);
    if (!token.ok) return token;
    const attempt = new AbortController();
    const cancelTimer = clock.after(ATTEMPT_LIMIT_MS, () => {
      attempt.abort(new Error(`no answer within ${String(ATTEMPT_LIMIT_MS)} ms`));
    });
    const answer = await client.certify(
      { identity: serverName, token: token.value, certificateSigningRequest: material.requestDer },
      AbortSignal.any([attempt.signal, this.#abort.signal]),
    );
    cancelTimer();
    if (!answer.ok) return failure(withoutSecret(rpcStatusText(answer.error), token.value));
    const certified = certifiedIdentity(answer.value, {
      localId,
      privateKey: material.privateKey,
      anchors,
      nowMs: clock.wallTime(),
    });
    if (!certified.ok) this.#counts = { ...this.#counts, error: this.#counts.error + 1 };
    return certified;
  }

  #install(identity: CertifiedIdentity): void {
    const { clock, logger, localId } = this.#options;
    const first = this.#identity.value === undefined;
    this.#counts = {
      ...this.#counts,
      ok: this.#counts.ok + 1,
      expirationSeconds: identity.notAfterMs / 1000,
      refreshSeconds: clock.wallTime() / 1000,
    };
    if (first) logger.info({ id: localId }, 'Certified identity');
    else logger.debug({ id: localId }, 'Renewed identity');
    this.#identity.set(identity);
  }

  #untilRefresh(): number {
    const { clock, minRefreshMs, maxRefreshMs } = this.#options;
    const identity = this.#identity.value;
    const remainingMs = identity === undefined ? 0 : identity.notAfterMs - clock.wallTime();
    return Math.max(minRefreshMs, Math.min(remainingMs * REFRESH_FRACTION, maxRefreshMs));
  }
}

/** A controller may repeat in its complaint what it was sent. */
function withoutSecret(text: string, token: Uint8Array): string {
  const secret = Buffer.from(token).toString('utf8').trim();
  return secret === '' ? text : text.replaceAll(secret, '(token)');
}
