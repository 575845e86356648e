// The data plane in a process of its own, so that its memory and its speed can be measured beside what the
// test does. It is told line by line what to do: see proxy-process-main.ts.
import { fileURLToPath } from 'node:url';

import { aLineProcess, type LineProcess } from './line-process.js';
import type { Scope } from './processes.js';
import type { ProxyWishes, RouteWishes } from './proxy-under-test.js';

const MAIN = fileURLToPath(new URL('./proxy-process-main.js', import.meta.url));

export type ProxyJob =
  | { readonly open: ProxyWishes }
  | { readonly route: RouteWishes }
  | { readonly metric: readonly [name: string, labels: Readonly<Record<string, string>>] }
  | { readonly residentBytes: 'now' | 'after collection' }
  | { readonly connections: true };

export class ProxyProcess {
  readonly #process: LineProcess;
  #last: Promise<unknown> = Promise.resolve();

  constructor(t: Scope) {
    this.#process = aLineProcess(t, process.execPath, ['--expose-gc', MAIN]);
  }

  open(wishes: ProxyWishes): Promise<void> {
    return this.#do({ open: wishes });
  }

  /** Answers the port of the listener. */
  route(wishes: RouteWishes): Promise<number> {
    return this.#do({ route: wishes });
  }

  metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return this.#do({ metric: [name, labels] });
  }

  /** What the process holds in memory, but for the heap of JavaScript. */
  residentBytes(when: 'now' | 'after collection'): Promise<number> {
    return this.#do({ residentBytes: when });
  }

  connections(): Promise<number> {
    return this.#do({ connections: true });
  }

  #do<T>(job: ProxyJob): Promise<T> {
    const answer = this.#last.then(async () => {
      this.#process.ask(JSON.stringify(job));
      return JSON.parse(await this.#process.answer()) as T;
    });
    // What fails fails for who asked, not for who asks next.
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}

export async function aProxyProcess(t: Scope, wishes: ProxyWishes = {}): Promise<ProxyProcess> {
  const proxy = new ProxyProcess(t);
  await proxy.open(wishes);
  return proxy;
}
