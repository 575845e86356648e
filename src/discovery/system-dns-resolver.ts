// The name system of this machine. Addresses are looked for in this order, the first that knows wins:
//   1. the hosts file (no time to live);
//   2. the name servers, by the name as it is given, with the time to live of the records;
//   3. the system's own look-up (getaddrinfo: search domains, mDNS, other name services; no time to
//      live), when the name servers say that the name does not exist or none answers at all, and
//      without asking them for names of one label, which they cannot know, and for localhost
//      (RFC 6761 §6.3).
// An answer of "no such name" or "no such records" is `empty`; everything else that is no answer is
// `failed`. SRV (RFC 2782) comes from the name servers only; node does not tell its
// time to live, so it counts as none and is asked for again after the configured minimum.
import { lookup, Resolver } from 'node:dns/promises';

import { canonicalIp, type IpAddress } from '../core/ip.js';
import type { DnsEndpoint, DnsOutcome, DnsRecordType, DnsResolver } from './dns-resolver.js';
import { addressesInHosts, readHostsFile } from './hosts-file.js';

/** First wait for one name server; the library doubles it for each of the tries. */
const QUERY_TIMEOUT_MS = 1000;
const QUERY_TRIES = 3;
/** Weights at the border go from 1 to this; those of SRV from 0 to 65535. */
const LARGEST_WEIGHT = 10_000;
/** Good for the least time the configuration allows. */
const UNKNOWN_TTL_MS = 0;

export interface SystemDnsResolverOptions {
  /** `address` or `address:port`; empty: those of the system. */
  readonly servers: readonly string[];
  readonly readHosts?: () => Promise<string>;
  /** Addresses by getaddrinfo; rejects with node's error. */
  readonly systemLookup?: (name: string, family: 4 | 6) => Promise<readonly string[]>;
}

interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export class SystemDnsResolver implements DnsResolver {
  readonly #servers: readonly string[];
  readonly #readHosts: () => Promise<string>;
  readonly #systemLookup: (name: string, family: 4 | 6) => Promise<readonly string[]>;

  constructor(options: SystemDnsResolverOptions) {
    this.#servers = options.servers;
    this.#readHosts = options.readHosts ?? readHostsFile;
    this.#systemLookup = options.systemLookup ?? systemLookup;
  }

  async resolve(name: string, type: DnsRecordType, signal: AbortSignal): Promise<DnsOutcome> {
    signal.throwIfAborted();
    // One resolver per question: it reads the system's list of servers when it is made, and
    // cancelling it cancels nothing of anybody else.
    const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
    if (this.#servers.length > 0) resolver.setServers(this.#servers);
    const outcome = type === 'srv' ? this.#srv(resolver, name) : this.#addresses(resolver, name, type);
    return await new Promise((resolve, reject) => {
      const onAbort = (): void => {
        resolver.cancel();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      void outcome.then((value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      });
    });
  }

  async #addresses(resolver: Resolver, name: string, type: 'a' | 'aaaa'): Promise<DnsOutcome> {
    const family = type === 'a' ? 4 : 6;
    const hosts = await this.#readHosts();
    const own = addressesInHosts(hosts, name, family);
    if (own.length > 0) return answer(own, UNKNOWN_TTL_MS);
    // Known there with the other family only: the name servers are not asked about it either.
    if (addressesInHosts(hosts, name, family === 4 ? 6 : 4).length > 0) {
      return { kind: 'empty', detail: `the hosts file has no IPv${String(family)} address of ${name}` };
    }
    if (!name.includes('.') || name.endsWith('.localhost')) return this.#bySystem(name, family);
    try {
      const records =
        family === 4
          ? await resolver.resolve4(name, { ttl: true })
          : await resolver.resolve6(name, { ttl: true });
      const ttlMs = Math.min(...records.map((record) => record.ttl)) * 1000;
      return answer(
        records.map((record) => record.address),
        ttlMs,
      );
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENODATA')
        return { kind: 'empty', detail: `${name} has no ${type.toUpperCase()} records` };
      if (code === 'ENOTFOUND' || code === 'ECONNREFUSED') return this.#bySystem(name, family);
      return { kind: 'failed', detail: `looking up ${name} failed: ${code}` };
    }
  }

  async #bySystem(name: string, family: 4 | 6): Promise<DnsOutcome> {
    try {
      return answer(await this.#systemLookup(name, family), UNKNOWN_TTL_MS);
    } catch (error) {
      const code = codeOf(error);
      return code === 'ENOTFOUND'
        ? { kind: 'empty', detail: `${name} has no IPv${String(family)} address` }
        : { kind: 'failed', detail: `looking up ${name} failed: ${code}` };
    }
  }

  async #srv(resolver: Resolver, name: string): Promise<DnsOutcome> {
    let records: readonly SrvRecord[];
    try {
      records = await resolver.resolveSrv(name);
    } catch (error) {
      const code = codeOf(error);
      return code === 'ENODATA' || code === 'ENOTFOUND'
        ? { kind: 'empty', detail: `${name} has no SRV records` }
        : { kind: 'failed', detail: `looking up ${name} failed: ${code}` };
    }
    // Only the most preferred priority; a target of "." says that the service is not there.
    const present = records.filter((record) => record.name !== '' && record.name !== '.');
    const best = Math.min(...present.map((record) => record.priority));
    const chosen = present.filter((record) => record.priority === best);
    const outcomes = await Promise.all(
      chosen.flatMap((record) =>
        (['a', 'aaaa'] as const).map(async (type) => ({
          record,
          outcome: await this.#addresses(resolver, record.name.toLowerCase(), type),
        })),
      ),
    );
    // A part of the answer would take away endpoints that may be well.
    const failed = outcomes.find(({ outcome }) => outcome.kind === 'failed');
    if (failed?.outcome.kind === 'failed') return failed.outcome;
    const scale = Math.max(1, ...chosen.map((record) => record.weight)) / LARGEST_WEIGHT;
    const endpoints = outcomes.flatMap(({ record, outcome }) =>
      outcome.kind === 'answer'
        ? outcome.endpoints.map((endpoint) => ({
            address: { ip: endpoint.address.ip, port: record.port },
            weight: borderWeight(record.weight, scale),
          }))
        : [],
    );
    return endpoints.length === 0
      ? { kind: 'empty', detail: `no target of ${name} has an address` }
      : { kind: 'answer', endpoints: distinct(endpoints), ttlMs: UNKNOWN_TTL_MS };
  }
}

/** Relative weights are kept; where the largest is too large, all shrink. Weight 0 means "rarely". */
function borderWeight(weight: number, scale: number): number {
  return Math.max(1, scale > 1 ? Math.round(weight / scale) : weight);
}

function answer(addresses: readonly string[], ttlMs: number): DnsOutcome {
  const ips = addresses.flatMap((address): IpAddress[] => {
    const ip = canonicalIp(address);
    return ip === undefined ? [] : [ip];
  });
  if (ips.length === 0) return { kind: 'empty', detail: 'the answer has no usable address' };
  return {
    kind: 'answer',
    endpoints: distinct(ips.map((ip) => ({ address: { ip, port: 0 }, weight: 1 }))),
    ttlMs,
  };
}

function distinct(endpoints: readonly DnsEndpoint[]): readonly DnsEndpoint[] {
  const byAddress = new Map(
    endpoints.map((item) => [`${item.address.ip} ${String(item.address.port)}`, item]),
  );
  return [...byAddress.values()];
}

async function systemLookup(name: string, family: 4 | 6): Promise<readonly string[]> {
  const found = await lookup(name, { family, all: true });
  return found.map(({ address }) => address);
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : String(error);
}
