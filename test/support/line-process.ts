// A helper process of a test that is asked and answers line by line. Ended by its id with the test.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { within } from './peer.js';
import type { Scope } from './processes.js';

export interface LineProcess {
  ask(line: string): void;
  /** The next line it prints; rejects when it ends before. */
  answer(): Promise<string>;
}

export function aLineProcess(t: Scope, command: string, args: readonly string[]): LineProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  return {
    ask: (line) => {
      child.stdin.write(`${line}\n`);
    },
    answer: async () => {
      const next = await within(lines.next(), `${command} did not answer`, 40_000);
      assert.ok(next.done !== true, `${command} ended`);
      return next.value;
    },
  };
}
