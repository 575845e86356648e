// A name system for controllers, in memory. A name that was told nothing of does not exist.
import type { ControllerNames, NameAnswer, SrvTarget } from '../../src/control/controller-names.js';

const ABSENT = { kind: 'failed', detail: 'no such name', retryMs: undefined } as const;

export class FakeControllerNames implements ControllerNames {
  /** `srv name` or `addresses name` of every question, in order. */
  readonly questions: string[] = [];
  srvAnswer: NameAnswer<SrvTarget> = ABSENT;
  addressAnswer: NameAnswer<string> = ABSENT;

  targets(...records: readonly SrvTarget[]): void {
    this.srvAnswer = { kind: 'found', records, ttlMs: undefined };
  }

  ips(...records: readonly string[]): void {
    this.addressAnswer = { kind: 'found', records, ttlMs: undefined };
  }

  srv(name: string, signal: AbortSignal): Promise<NameAnswer<SrvTarget>> {
    return this.#answer(`srv ${name}`, this.srvAnswer, signal);
  }

  addresses(name: string, signal: AbortSignal): Promise<NameAnswer<string>> {
    return this.#answer(`addresses ${name}`, this.addressAnswer, signal);
  }

  async #answer<T>(question: string, answer: NameAnswer<T>, signal: AbortSignal): Promise<NameAnswer<T>> {
    this.questions.push(question);
    await Promise.resolve();
    signal.throwIfAborted();
    return answer;
  }
}
