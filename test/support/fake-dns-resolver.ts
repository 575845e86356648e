// A name system in memory. Unless told otherwise a name does not exist; `hold` keeps questions waiting
// until `release`, so that tests see what happens in between.
import type { DnsOutcome, DnsRecordType, DnsResolver } from '../../src/discovery/dns-resolver.js';
import { ipFamily } from '../../src/core/ip.js';

export class FakeDnsResolver implements DnsResolver {
  /** `name type` of every question, in order. */
  readonly questions: string[] = [];
  readonly #outcomes = new Map<string, DnsOutcome>();
  readonly #held: (() => void)[] = [];
  #holding = false;

  answer(name: string, type: DnsRecordType, outcome: DnsOutcome): void {
    this.#outcomes.set(`${name} ${type}`, outcome);
  }

  /** Addresses of both families; the other type is empty. */
  addresses(name: string, ips: readonly string[], ttlMs = 30_000): void {
    for (const [type, family] of [['a', 4] as const, ['aaaa', 6] as const]) {
      const endpoints = ips
        .filter((ip) => ipFamily(ip) === family)
        .map((ip) => ({ address: { ip, port: 0 }, weight: 1 }));
      this.answer(
        name,
        type,
        endpoints.length === 0
          ? { kind: 'empty', detail: `no ${type}` }
          : { kind: 'answer', endpoints, ttlMs },
      );
    }
  }

  fail(name: string, detail: string): void {
    for (const type of ['a', 'aaaa', 'srv'] as const) this.answer(name, type, { kind: 'failed', detail });
  }

  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
    for (const go of this.#held.splice(0)) go();
  }

  async resolve(name: string, type: DnsRecordType, signal: AbortSignal): Promise<DnsOutcome> {
    this.questions.push(`${name} ${type}`);
    if (this.#holding) await new Promise<void>((resolve) => this.#held.push(resolve));
    signal.throwIfAborted();
    return this.#outcomes.get(`${name} ${type}`) ?? { kind: 'empty', detail: `${name} does not exist` };
  }
}

/** Lets everything run that only waits for promises already settled. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
