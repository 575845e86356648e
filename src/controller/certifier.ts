// Identity.Certify: a certificate for a workload of the mesh file that proves itself with its token. The
// authority is opened, or made, when the mesh file first has an `identity`. Codes are those of Linkerd's
// controller (reference, wire API §4 identity 3).
import type { MessageShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';

import { type CertifyRequest, CertifyResponseSchema } from '../api/gen/identity_pb.js';
import { parseHostName } from '../config/host-name.js';
import type { IdentityConfig } from '../config/identity-config.js';
import type { MeshConfig } from '../config/mesh-config.js';
import type { Clock } from '../core/clock.js';
import type { Component } from '../core/component.js';
import type { Logger } from '../core/logger.js';
import { failure, type Result, success } from '../core/result.js';
import type { ReadonlyWatch, Unsubscribe } from '../core/watch.js';
import { type Refusal, refused, StatusCode } from './answer.js';
import { type AuthorityFolder, openAuthorityFolder } from './certificate-files.js';
import { readSigningRequest } from './signing-request.js';
import { isTokenOf, parseToken, type TokenPlaces } from './workload-tokens.js';

export interface CertifierOptions {
  readonly config: ReadonlyWatch<MeshConfig>;
  /** Where the authority is kept. */
  readonly folder: string;
  readonly tokens: TokenPlaces;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Certifier implements Component {
  readonly name = 'certifier';
  readonly #options: CertifierOptions;
  #opened: AuthorityFolder | undefined;
  #opening: Promise<void> | undefined;
  #unsubscribe: Unsubscribe | undefined;

  constructor(options: CertifierOptions) {
    this.#options = options;
  }

  /** What proxies verify certificates with; undefined without `identity` in the mesh file. */
  get anchorsFile(): string | undefined {
    return this.#opened?.anchorsFile;
  }

  /** Rejects with AuthorityFilesError when there is an `identity` and the authority cannot be had. */
  async start(): Promise<void> {
    if (this.#options.config.value.identity !== undefined) await this.#open();
    this.#unsubscribe = this.#options.config.subscribe(({ identity }) => {
      if (identity === undefined || this.#opened !== undefined || this.#opening !== undefined) return;
      this.#opening = this.#open()
        .catch((error: unknown) => {
          this.#options.logger.error({ error }, 'nobody gets a certificate: the authority cannot be used');
        })
        .finally(() => {
          this.#opening = undefined;
        });
    });
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#opening;
  }

  async certify(
    request: CertifyRequest,
  ): Promise<Result<MessageShape<typeof CertifyResponseSchema>, Refusal>> {
    const { identity, certificateSigningRequest } = request;
    if (parseHostName(identity) !== identity) return invalid('the identity is not a DNS name in lower case');
    if (request.token.length === 0) return invalid('the token is missing');
    if (certificateSigningRequest.length === 0) return invalid('the signing request is missing');
    const token = parseToken(request.token);
    if (token === undefined) return invalid('the token is not one line of text');
    const { config, clock } = this.#options;
    const nowMs = clock.wallTime();
    const known = config.value.identity;
    const authority = this.#opened?.authority;
    if (known === undefined || authority?.isValidAt(nowMs) !== true) {
      return failure(refused(StatusCode.UNAVAILABLE, 'there is no authority that could issue certificates'));
    }
    const publicKey = await readSigningRequest(certificateSigningRequest, identity);
    if (!publicKey.ok) return this.#refuse(identity, publicKey.error);
    const refusal = await this.#checkToken(known, identity, token);
    if (refusal !== undefined) return this.#refuse(identity, refusal);
    const issued = await authority.issue(identity, publicKey.value, known.lifetimeMs, nowMs);
    const notAfter = issued.notAfter.toISOString();
    this.#options.logger.info({ identity, notAfter }, 'a certificate has been issued');
    return success(
      create(CertifyResponseSchema, {
        leafCertificate: issued.leaf,
        intermediateCertificates: [...issued.intermediates],
        validUntil: timestampFromDate(issued.notAfter),
      }),
    );
  }

  /** Undefined: it is the token of this workload. */
  async #checkToken(known: IdentityConfig, identity: string, token: string): Promise<Refusal | undefined> {
    const workload = known.workloads.find((item) => item.identity === identity);
    // As for a wrong token, so that nobody learns who is known.
    const denied = refused(StatusCode.FAILED_PRECONDITION, `the token is not that of ${identity}`);
    if (workload === undefined) return denied;
    const isOwn = await isTokenOf(workload.token, token, this.#options.tokens);
    if (isOwn.ok) return isOwn.value ? undefined : denied;
    this.#options.logger.error({ identity, error: isOwn.error }, 'the token of a workload cannot be had');
    return refused(StatusCode.INTERNAL, 'the token could not be checked');
  }

  #refuse(identity: string, refusal: Refusal): Result<never, Refusal> {
    this.#options.logger.warn({ identity, error: refusal.message }, 'a certificate has been refused');
    return failure(refusal);
  }

  async #open(): Promise<void> {
    const { folder, clock, logger } = this.#options;
    this.#opened = await openAuthorityFolder(folder, clock.wallTime(), logger);
  }
}

function invalid(why: string): Result<never, Refusal> {
  return failure(refused(StatusCode.INVALID_ARGUMENT, why));
}
