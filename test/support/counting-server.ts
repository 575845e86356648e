// A real HTTP server that tells which requests it has seen: a program that listens on a port of loopback
// and writes a line per request into a log. Its files are in a folder that goes with it, and it is ended
// by its id with the test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { closedPort } from '../contract/harness.js';
import { aClient, eventually, within } from './peer.js';

export interface CountingServer {
  readonly name: string;
  readonly port: number;
  /** Statuses that it answers cases with which the proxy forwards; default: 200. */
  readonly answers?: readonly number[];
  /** Cases that it has a fault of its own with, and which. */
  readonly faults?: Readonly<Record<string, string>>;
  /** `METHOD TARGET` of every request, in no order, complete once the proxy is at rest. */
  seen(t: TestContext): Promise<string[]>;
}

export type StartServer = (t: TestContext) => Promise<CountingServer>;

export interface ServerRecipe {
  readonly name: string;
  /** Writes what the program needs into its folder; answers its command line. */
  prepare(folder: string, port: number, log: string): readonly [command: string, ...args: string[]];
  /** A line of the log as `METHOD TARGET`; undefined: not about a request. Default: as it is. */
  read?(line: string): string | undefined;
  readonly answers?: readonly number[];
  readonly faults?: Readonly<Record<string, string>>;
  /** The log is complete only when the program has ended, which this signal asks for. */
  readonly completeAfter?: NodeJS.Signals;
}

const LAST = 'GET /last';
const STOP_LIMIT_MS = 3_000;

export function startRecipe(recipe: ServerRecipe): StartServer {
  return async (t) => {
    const folder = mkdtempSync(join(tmpdir(), `sluice-${recipe.name}-`));
    const log = join(folder, 'requests.log');
    writeFileSync(log, '');
    const port = await closedPort();
    const [command, ...args] = recipe.prepare(folder, port, log);
    // Standard output is where a program logs that cannot log into a file; in order, by one write each.
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      writeFileSync(log, chunk, { flag: 'a' });
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000);
    });
    t.after(async () => {
      // Those with processes of their own end them when asked to.
      await endedBy(child, 'SIGTERM', STOP_LIMIT_MS).catch(() => endedBy(child, 'SIGKILL'));
      rmSync(folder, { recursive: true });
    });
    await listens(child, port, () => `${recipe.name} does not listen: ${said}`);
    const lines = (): string[] =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .flatMap((line) => (recipe.read === undefined ? line : (recipe.read(line) ?? [])));
    return {
      name: recipe.name,
      port,
      ...(recipe.answers === undefined ? {} : { answers: recipe.answers }),
      ...(recipe.faults === undefined ? {} : { faults: recipe.faults }),
      seen: async (test) => {
        if (recipe.completeAfter !== undefined) {
          await endedBy(child, recipe.completeAfter);
          return lines();
        }
        // What came before this request is logged before it, or a moment later by another thread.
        const client = await aClient(test, port);
        await client.send(`${LAST} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n`);
        await client.toEnd();
        client.finish();
        await eventually(() => lines().includes(LAST), `${recipe.name} did not log its last request`);
        return lines().filter((line) => line !== LAST);
      },
    };
  };
}

async function endedBy(child: ChildProcess, signal: NodeJS.Signals, limitMs?: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await within(ended, `${child.spawnfile} does not end`, limitMs);
}

async function listens(child: ChildProcess, port: number, what: () => string): Promise<void> {
  let failed = false;
  // The program is missing: its file cannot be executed.
  child.once('error', () => (failed = true));
  const attempt = async (): Promise<void> => {
    for (;;) {
      if (failed || child.exitCode !== null) throw new Error(what());
      const socket = connect(port, '127.0.0.1');
      const there = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => {
          resolve(true);
        });
        socket.once('error', () => setTimeout(resolve, 10, false));
      });
      socket.destroy();
      if (there) return;
    }
  };
  await within(attempt(), what);
}
