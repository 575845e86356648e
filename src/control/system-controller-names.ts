// The name system of this machine, as controllers are found with it: SRV records from the name servers,
// with their targets as they are, since those carry the addresses; addresses from whoever follows names
// for this process. Node does not tell how long SRV records and absences may be believed.
import { Resolver } from 'node:dns/promises';

import type { HostPort, IpAddress } from '../core/ip.js';
import type { ControllerNames, NameAnswer, SrvTarget } from './controller-names.js';

/** First wait for one name server; the library doubles it for each of the tries. */
const QUERY_TIMEOUT_MS = 1000;
const QUERY_TRIES = 3;

/** What is known of the addresses of a name: the shape of a resolver of src/discovery. */
export type AddressOutcome =
  | {
      readonly kind: 'answer';
      readonly endpoints: readonly { readonly address: HostPort }[];
      /** 0: not known. */
      readonly ttlMs: number;
    }
  | { readonly kind: 'empty' | 'failed'; readonly detail: string };

export interface AddressResolver {
  /** Never rejects but with the reason of `signal`, when that is aborted. */
  resolve(name: string, type: 'a' | 'aaaa', signal: AbortSignal): Promise<AddressOutcome>;
}

export interface SystemControllerNamesOptions {
  /** `address` or `address:port`; empty: those of the system. */
  readonly servers: readonly string[];
  readonly addresses: AddressResolver;
  /** Bounds of every time to live that is known (LINKERD2_PROXY_DNS_MIN_TTL, _MAX_TTL). */
  readonly minTtlMs: number | undefined;
  readonly maxTtlMs: number | undefined;
}

export class SystemControllerNames implements ControllerNames {
  readonly #options: SystemControllerNamesOptions;

  constructor(options: SystemControllerNamesOptions) {
    this.#options = options;
  }

  async srv(name: string, signal: AbortSignal): Promise<NameAnswer<SrvTarget>> {
    signal.throwIfAborted();
    // One resolver per question, so that cancelling it cancels nothing of anybody else.
    const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
    if (this.#options.servers.length > 0) resolver.setServers(this.#options.servers);
    const onAbort = (): void => {
      resolver.cancel();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const records = await resolver.resolveSrv(name);
      const targets = records.map((record) => ({ target: record.name, port: record.port }));
      return targets.length === 0
        ? { kind: 'failed', detail: `${name} has no SRV records`, retryMs: undefined }
        : { kind: 'found', records: targets, ttlMs: undefined };
    } catch (error) {
      signal.throwIfAborted();
      return {
        kind: 'failed',
        detail: `looking up SRV of ${name} failed: ${codeOf(error)}`,
        retryMs: undefined,
      };
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Those of one family are enough: many name servers fail for the other. */
  async addresses(name: string, signal: AbortSignal): Promise<NameAnswer<IpAddress>> {
    const outcomes = await Promise.all(
      (['a', 'aaaa'] as const).map((type) => this.#options.addresses.resolve(name, type, signal)),
    );
    const answers = outcomes.filter((outcome) => outcome.kind === 'answer');
    const records = answers.flatMap(({ endpoints }) => endpoints.map(({ address }) => address.ip));
    if (records.length === 0) {
      const reason = outcomes.find(({ kind }) => kind === 'failed') ?? outcomes[0];
      const detail = reason === undefined || reason.kind === 'answer' ? 'no usable address' : reason.detail;
      return { kind: 'failed', detail, retryMs: undefined };
    }
    const ttls = answers.map(({ ttlMs }) => ttlMs).filter((ttlMs) => ttlMs > 0);
    return {
      kind: 'found',
      records,
      ttlMs: ttls.length === 0 ? undefined : this.#bounded(Math.min(...ttls)),
    };
  }

  #bounded(ttlMs: number): number {
    const { minTtlMs = 0, maxTtlMs = Infinity } = this.#options;
    return Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs);
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : String(error);
}
