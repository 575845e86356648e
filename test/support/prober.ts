// Another client of the proxy, in a process of its own beside whatever the test does: asks a server of its
// own over one kept connection through the proxy, and directly in turn, and tells how long that took.
import { fileURLToPath } from 'node:url';

import { aLineProcess, type LineProcess } from './line-process.js';
import type { Scope } from './processes.js';

const MAIN = fileURLToPath(new URL('./prober-main.js', import.meta.url));

export interface Probes {
  readonly count: number;
  readonly failed: number;
  /** Milliseconds. */
  readonly proxyP99: number;
  readonly directP99: number;
}

export class Prober {
  /** Of its server. */
  readonly port: number;
  readonly #process: LineProcess;

  constructor(process: LineProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  /** Asks until `during` is over, at least some hundred times. */
  async measure(proxyPort: number, during: () => Promise<void> = () => Promise.resolve()): Promise<Probes> {
    this.#process.ask(`begin ${proxyPort}`);
    try {
      await during();
    } finally {
      this.#process.ask('end');
    }
    return JSON.parse(await this.#process.answer()) as Probes;
  }
}

export async function aProber(t: Scope): Promise<Prober> {
  const process_ = aLineProcess(t, process.execPath, [MAIN]);
  return new Prober(process_, Number(await process_.answer()));
}
