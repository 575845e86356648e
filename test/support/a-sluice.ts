// `sluice run` as a user starts it: a process of its own around a command, with its log, its admin
// server and, where a test wants to act in between, a shell as the command.
import assert from 'node:assert/strict';
import { type FileHandle, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type RoutesView } from '../../src/admin/routes-endpoint.js';
import { type Variables } from '../../src/config/environment.js';
import {
  aFolder,
  type Ended,
  output,
  PATIENCE_MS,
  run,
  Running,
  type Scope,
  type StartOptions,
  type Words,
} from './processes.js';
import { type ParsedFamily, parsePrometheusText } from './prometheus-text.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

/** The command line of sluice itself. */
export function sluiceWords(...args: readonly string[]): Words {
  return [process.execPath, MAIN, ...args];
}

/** Runs `sluice ARGS` to its end. */
export function sluice(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return run(sluiceWords(...args), options);
}

export interface LogRecord {
  readonly level: string;
  readonly time: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface SluiceOptions {
  /** Text of the mesh file. */
  readonly config?: string;
  /** Options of `sluice run` beside `--config`, `--admin` and the log's. */
  readonly options?: readonly string[];
  /** Default: a shell that `sh()` talks to. */
  readonly command?: Words;
  /** Address of the admin server, a port of the kernel's choice by default; empty: the option is not given. */
  readonly admin?: string;
  readonly env?: Variables;
  /** What runs sluice, such as `nsenter` into a namespace. */
  readonly wrap?: readonly string[];
}

/** Answers when sluice is ready. */
export async function aSluice(t: Scope, options: SluiceOptions = {}): Promise<Sluice> {
  const folder = await aFolder(t);
  const file = join(folder, 'mesh.yaml');
  if (options.config !== undefined) await writeFile(file, options.config);
  const jobs = join(folder, 'jobs');
  await output(['mkfifo', jobs]);
  // Opened for both, it does not wait for a reader. Unlike a pipe of node's it outlives sluice.
  const running = new Sluice(folder, await open(jobs, 'r+'), options);
  t.after(() => running.stop());
  await running.untilLogged((record) => record.message === 'sluice is ready');
  return running;
}

/** Reads the names of jobs from a pipe, runs each beside the others, and says when one is done. */
const SHELL = 'while read -r job; do { sh "$job" >"$job.out" 2>&1; echo "$job $?"; } & done <"$0"';

export interface JobOutcome {
  readonly code: number;
  /** Standard output and standard error. */
  readonly text: string;
}

export class Sluice extends Running {
  readonly meshFile: string;
  readonly #folder: string;
  readonly #wrap: readonly string[];
  #pipe: FileHandle | undefined;
  #jobs = 0;

  constructor(folder: string, pipe: FileHandle, options: SluiceOptions) {
    const shell: Words = ['sh', '-c', SHELL, join(folder, 'jobs')];
    const { config, command = shell, admin = '127.0.0.1:0', wrap = [], env } = options;
    const file = join(folder, 'mesh.yaml');
    const own = sluiceWords(
      'run',
      ...(admin === '' ? [] : ['--admin', admin]),
      ...['--log-format', 'json', '--log-level', 'debug', '--workers', '2'],
      ...(config === undefined ? [] : ['--config', file]),
      ...(options.options ?? []),
      ...['--', ...command],
    );
    const [program = process.execPath, ...words] = [...wrap, ...own];
    super([program, ...words], { interactive: true, ...(env === undefined ? {} : { env }) });
    this.#folder = folder;
    this.#pipe = pipe;
    this.#wrap = wrap;
    this.meshFile = file;
  }

  /** Lines of the log until now; what the command wrote to standard error is not among them. */
  get log(): readonly LogRecord[] {
    return this.stderr
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => (line.startsWith('{"level":') ? [JSON.parse(line) as LogRecord] : []));
  }

  untilLogged(isIt: (record: LogRecord) => boolean): Promise<LogRecord> {
    return this.sees('a line of the log', () => this.log.find(isIt));
  }

  /** A field of the line that says it is ready. */
  ready(field: string): string {
    const record = this.log.find(({ message }) => message === 'sluice is ready');
    return String(record?.fields?.[field]);
  }

  /** Runs a script in the command's shell to its end; several at a time if wanted. */
  async sh(script: string, limitMs = PATIENCE_MS): Promise<JobOutcome> {
    this.#jobs += 1;
    const job = join(this.#folder, `job-${String(this.#jobs)}`);
    await writeFile(job, script);
    await this.#pipe?.write(`${job}\n`);
    const done = new RegExp(`^${job} (\\d+)$`, 'm');
    const code = await this.sees('the end of a job', () => done.exec(this.stdout)?.[1], limitMs);
    return { code: Number(code), text: await readFile(`${job}.out`, 'utf8') };
  }

  /** As `sh`, but the script must succeed; answers what it printed. */
  async say(script: string, limitMs = PATIENCE_MS): Promise<string> {
    const { code, text } = await this.sh(script, limitMs);
    assert.equal(code, 0, `${script}\nprinted: ${text}\nsluice said: ${this.stderr.slice(-3000)}`);
    return text;
  }

  /** Lets the shell end by itself. */
  async endShell(): Promise<void> {
    const pipe = this.#pipe;
    this.#pipe = undefined;
    await pipe?.close();
  }

  /** As `endShell`, and waits for the end of sluice. */
  async finish(): Promise<Ended> {
    await this.endShell();
    return this.ended(60_000);
  }

  override async stop(): Promise<void> {
    await this.endShell();
    await super.stop();
  }

  /** Replaces the mesh file as editors do, by rename. */
  async edit(config: string): Promise<void> {
    await writeFile(`${this.meshFile}.new`, config);
    await rename(`${this.meshFile}.new`, this.meshFile);
  }

  /** As `edit`, and waits until it is in force. */
  async apply(config: string): Promise<void> {
    const count = (): number =>
      this.log.filter(({ message }) => message === 'the mesh file has changed').length;
    const before = count();
    await this.edit(config);
    await this.sees('the edit', () => (count() > before ? true : undefined));
  }

  /** Asks the admin server with curl, from where sluice is. */
  async asks(path: string, ...options: readonly string[]): Promise<string> {
    const url = `http://${this.ready('admin')}${path}`;
    const [program, ...words] = [...this.#wrap, 'curl', '-sS', '-m', '10', ...options, url];
    return output([program, ...words]);
  }

  async metrics(): Promise<Map<string, ParsedFamily>> {
    return parsePrometheusText(await this.asks('/metrics'));
  }

  /** The sum of all samples of this name that have these labels; 0 when there is none. */
  async counted(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const samples = [...(await this.metrics()).values()].flatMap((family) => family.samples);
    const wanted = Object.entries(labels);
    return samples
      .filter((sample) => sample.name === name)
      .filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }

  async routes(): Promise<RoutesView> {
    return JSON.parse(await this.asks('/routes.json')) as RoutesView;
  }
}
