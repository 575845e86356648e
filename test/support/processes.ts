// Programs that a test runs for real: their output as it comes, their end, and every wait bounded. What
// a test started is ended by its pid when the test is over, hard if it does not follow.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';

import { environmentVariables, type Variables } from '../../src/config/environment.js';

/** What can be undone when a test, or a file of tests, is over. */
export interface Scope {
  after(undo: () => Promise<void> | void): void;
}

export type Words = readonly [string, ...string[]];

export const PATIENCE_MS = 20_000;

const POLL_MS = 10;
const STOP_GRACE_MS = 5000;

/** Settings of the caller's shell that would change what is tested; the poller is the suite's choice. */
const LEFT_OUT = /^(?:SLUICE_(?!POLLER$)|NODE_TEST_CONTEXT$|NODE_OPTIONS$|.*_proxy$|.*_PROXY$)/;

export function cleanEnvironment(more: Variables = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(environmentVariables()).filter(([name]) => !LEFT_OUT.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface StartOptions {
  readonly env?: Variables;
  readonly input?: string | Uint8Array;
  /** Standard input stays open; `write` feeds it. */
  readonly interactive?: boolean;
  readonly cwd?: string;
}

export class Running {
  readonly child: ChildProcess;
  readonly #what: string;
  readonly #out: Buffer[] = [];
  readonly #errors: Buffer[] = [];
  readonly #onOutput = new Set<() => void>();
  readonly #ended: Promise<Ended>;

  constructor([program, ...args]: Words, { env, input, interactive, cwd }: StartOptions) {
    this.#what = [program, ...args].join(' ');
    const stdin = input !== undefined || interactive === true ? 'pipe' : 'ignore';
    this.child = spawn(program, args, { env: cleanEnvironment(env), stdio: [stdin, 'pipe', 'pipe'], cwd });
    const take = (chunks: Buffer[]) => (chunk: Buffer) => {
      chunks.push(chunk);
      for (const listener of this.#onOutput) listener();
    };
    this.child.stdout?.on('data', take(this.#out));
    this.child.stderr?.on('data', take(this.#errors));
    // The program may end without reading; its exit code tells.
    this.child.stdin?.on('error', () => undefined);
    if (input !== undefined) this.child.stdin?.end(input);
    this.#ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: Buffer.concat(this.#out), stderr: this.stderr });
        for (const listener of this.#onOutput) listener();
      });
    });
    this.#ended.catch(() => undefined);
  }

  get pid(): number {
    assert.ok(this.child.pid !== undefined, `${this.#what}: did not start`);
    return this.child.pid;
  }

  get stdout(): string {
    return Buffer.concat(this.#out).toString('utf8');
  }

  get stderr(): string {
    return Buffer.concat(this.#errors).toString('utf8');
  }

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  write(text: string): void {
    this.child.stdin?.write(text);
  }

  endInput(): void {
    this.child.stdin?.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** What `find` sees in the output, now or later; fails when the program ends without it. */
  async sees<T>(what: string, find: (running: this) => T | undefined, limitMs = PATIENCE_MS): Promise<T> {
    const look = new Promise<T>((resolve, reject) => {
      const check = (): void => {
        const found = find(this);
        if (found === undefined && !this.#isClosed()) return;
        this.#onOutput.delete(check);
        if (found !== undefined) resolve(found);
        else reject(new Error(`${this.#what}: ended without ${what}; ${this.#said()}`));
      };
      this.#onOutput.add(check);
      check();
    });
    return within(look, limitMs, () => `${this.#what}: ${what}; ${this.#said()}`);
  }

  /** Its end, output included. */
  ended(limitMs = PATIENCE_MS): Promise<Ended> {
    return within(this.#ended, limitMs, () => `${this.#what}: its end; ${this.#said()}`);
  }

  /** Ended and reaped, by force if need be. */
  async stop(): Promise<void> {
    if (this.child.pid === undefined) return;
    this.kill('SIGTERM');
    try {
      await this.ended(STOP_GRACE_MS);
    } catch {
      this.kill('SIGKILL');
      this.child.stdout?.destroy();
      this.child.stderr?.destroy();
      await this.ended(STOP_GRACE_MS);
    }
  }

  #isClosed(): boolean {
    return (
      this.isOver && this.child.stdout?.readableEnded === true && this.child.stderr?.readableEnded === true
    );
  }

  #said(): string {
    return `it said ${JSON.stringify(this.stdout.slice(-2000))} and ${JSON.stringify(this.stderr.slice(-3000))}`;
  }
}

/** Started now, stopped when the test is over. */
export function start(t: Scope, command: Words, options: StartOptions = {}): Running {
  const running = new Running(command, options);
  t.after(() => running.stop());
  return running;
}

/** Run to its end. */
export async function run(command: Words, options: StartOptions = {}, limitMs = PATIENCE_MS): Promise<Ended> {
  const running = new Running(command, options);
  try {
    return await running.ended(limitMs);
  } catch (error) {
    running.kill('SIGKILL');
    throw error;
  }
}

/** Run to its end, which must be a good one; answers what it printed. */
export async function output(command: Words, options: StartOptions = {}): Promise<string> {
  const ended = await run(command, options);
  assert.equal(ended.code, 0, `${command.join(' ')}: ${ended.stderr}`);
  return ended.stdout.toString('utf8');
}

export async function within<T>(promise: Promise<T>, limitMs: number, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not within ${String(limitMs)} ms: ${what()}`));
    }, limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** For facts of other programs and of the kernel, which announce nothing. */
export async function until(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  limitMs = PATIENCE_MS,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`not within ${String(limitMs)} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function aFolder(t: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A port that the kernel had free a moment ago, for programs that cannot say which they got. */
export async function freePort(ip = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, ip);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}
