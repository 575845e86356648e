// Asks the name system once. Interface here, the real one in system-dns-resolver.ts.
import type { HostPort } from '../core/ip.js';

export type DnsRecordType = 'a' | 'aaaa' | 'srv';

export interface DnsEndpoint {
  /** Port 0 for `a` and `aaaa`: the records have none. */
  readonly address: HostPort;
  readonly weight: number;
}

export type DnsOutcome =
  /** At least one endpoint, usable for `ttlMs` (0: the source does not say). */
  | { readonly kind: 'answer'; readonly endpoints: readonly DnsEndpoint[]; readonly ttlMs: number }
  /** Known not to exist: the name, or records of this type. */
  | { readonly kind: 'empty'; readonly detail: string }
  /** No trustworthy answer: time-out, server failure, part of the answers missing. */
  | { readonly kind: 'failed'; readonly detail: string };

export interface DnsResolver {
  /** Never rejects but with the reason of `signal`, when that is aborted. */
  resolve(name: string, type: DnsRecordType, signal: AbortSignal): Promise<DnsOutcome>;
}
