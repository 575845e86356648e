// The wrapped command: started in a cgroup of its own, so that capture concerns it and its children
// only, and with the mesh's names in its hosts file. Nothing of the host is changed. When this process
// is killed, the command goes on without the mesh: capture dies with its holder, new connections go
// directly to where they were going, and the next run removes the cgroup once it is empty.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Clock, systemClock } from '../core/clock.js';
import { createCgroup, destroyCgroup, sweepCgroups } from './cgroup.js';
import { WorkloadStartError } from './errors.js';
import { findProgram, isErrno, STANDARD_PATH } from './find-program.js';
import { type HostsEntry, renderHosts } from './hosts-file.js';
import { createHostsFolder, removeHostsFolder, sweepHostsFolders } from './hosts-folder.js';
import { wrapCommand, WRAPPER_FAILED, type WrapperTools, type Wrapping } from './wrapper.js';

export type { HostsEntry } from './hosts-file.js';

/** How the command ended. */
export type ChildExit = { readonly code: number } | { readonly signal: NodeJS.Signals };

export interface WorkloadOptions {
  /** Program and arguments; the program is looked up in the PATH of `environment`. */
  readonly command: readonly [string, ...string[]];
  /** Given to the command as it is. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the cgroup is made (CapturePlan.cgroupParent); undefined: no cgroup (rungs 2 and 3). */
  readonly cgroupParent: string | undefined;
  /** Names the command must resolve; empty: the hosts file is left alone. */
  readonly hosts: readonly HostsEntry[];
}

export type WorkloadPreparation =
  | { readonly kind: 'ready'; readonly workload: Workload }
  /** Nothing is left behind. 127: not found, 126: not executable, 71: refused by the system. */
  | { readonly kind: 'failed'; readonly exitCode: 126 | 127 | 71; readonly message: string };

export interface Workload {
  /** Where to attach capture; undefined without `cgroupParent`. */
  readonly cgroupPath: string | undefined;
  /** Things the user should know, such as names that will not resolve and why. To be logged. */
  readonly notices: readonly string[];
  /** Undefined before `start` and after the end. */
  readonly pid: number | undefined;
  /** Runs the command with this process's stdio. Resolves when it has ended. Once only. */
  start(): Promise<ChildExit>;
  /** False: it is not running. */
  kill(signal: NodeJS.Signals): boolean;
  /**
   * Ends what is left in the cgroup, removes the cgroup and temporary files. Never rejects; answers
   * what could not be removed, for the log.
   */
  cleanup(): Promise<readonly string[]>;
}

/** What preparing needs of the host; tests take other directories. */
export interface LaunchEffects {
  readonly clock: Clock;
  readonly pid: number;
  readonly platform: string;
  readonly temporaryDirectory: string;
  readonly hostsFile: string;
  isAlive(pid: number): boolean;
}

export const systemEffects: LaunchEffects = {
  clock: systemClock,
  pid: process.pid,
  platform: process.platform,
  temporaryDirectory: tmpdir(),
  hostsFile: '/etc/hosts',
  isAlive: (pid) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      // EPERM: it is there and somebody else's.
      return !isErrno(error, 'ESRCH');
    }
  },
};

/** Checks everything that can be checked before anything is attached. Never rejects. */
export async function prepareWorkload(
  options: WorkloadOptions,
  effects: LaunchEffects = systemEffects,
): Promise<WorkloadPreparation> {
  const [name, ...words] = options.command;
  const program = await findProgram(name, options.environment['PATH']);
  if (program.kind === 'missing') return { kind: 'failed', exitCode: 127, message: program.message };
  if (program.kind === 'not-executable') return { kind: 'failed', exitCode: 126, message: program.message };

  const traces = new Traces(effects.clock);
  try {
    const cgroupPath = await makeCgroup(options.cgroupParent, effects, traces);
    const cgroupProcs = cgroupPath === undefined ? undefined : join(cgroupPath, 'cgroup.procs');
    const { hostsFile, notices } = await makeHosts(options.hosts, cgroupProcs, effects, traces);
    const wrapping = { cgroupProcs, hostsFile };
    const refusal = await tryWrapper(wrapping);
    if (refusal !== undefined) throw new WorkloadStartError(refusal);
    const environment = definedOnly(options.environment);
    const wrapped = wrapCommand(await findTools(wrapping), wrapping, [program.path, ...words], environment);
    // A program that nothing wraps is called what it was called.
    const argv0 = wrapped[0] === program.path ? name : wrapped[0];
    const start = (): ChildProcess => {
      return spawn(wrapped[0], wrapped.slice(1), { argv0, env: environment, stdio: 'inherit' });
    };
    return { kind: 'ready', workload: new LaunchedWorkload(cgroupPath, notices, start, traces) };
  } catch (error) {
    await traces.remove();
    const message = `the command cannot be prepared: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: 'failed', exitCode: WRAPPER_FAILED, message };
  }
}

async function makeCgroup(
  parent: string | undefined,
  effects: LaunchEffects,
  traces: Traces,
): Promise<string | undefined> {
  if (parent === undefined) return undefined;
  await sweepCgroups(parent, (pid) => effects.isAlive(pid));
  const path = await createCgroup(parent, effects.pid);
  traces.cgroup = path;
  return path;
}

interface Hosts {
  readonly hostsFile: string | undefined;
  readonly notices: readonly string[];
}

/** Names are a convenience: where they cannot be given the command runs without, and the user is told. */
async function makeHosts(
  entries: readonly HostsEntry[],
  cgroupProcs: string | undefined,
  effects: LaunchEffects,
  traces: Traces,
): Promise<Hosts> {
  await sweepHostsFolders(effects.temporaryDirectory, (pid) => effects.isAlive(pid));
  if (entries.length === 0) return { hostsFile: undefined, notices: [] };
  const without = (why: string): Hosts => ({
    hostsFile: undefined,
    notices: [`names of the mesh will not resolve in the command: ${why}`],
  });
  if (effects.platform !== 'linux') return without('a hosts file of its own needs Linux');
  const own = await readFile(effects.hostsFile, 'utf8').catch(() => '');
  const text = renderHosts(own, entries);
  const { folder, file: hostsFile } = await createHostsFolder(effects.temporaryDirectory, effects.pid, text);
  traces.hostsFolder = folder;
  const refusal = await tryWrapper({ cgroupProcs, hostsFile });
  return refusal === undefined ? { hostsFile, notices: [] } : without(refusal);
}

/** Does what will be done with the command with one that does nothing; answers why it failed. */
async function tryWrapper(wrapping: Wrapping): Promise<string | undefined> {
  if (wrapping.cgroupProcs === undefined && wrapping.hostsFile === undefined) return undefined;
  const tools = await findTools(wrapping);
  const [program, ...words] = wrapCommand(tools, wrapping, [tools.sh, '-c', ':'], {});
  return new Promise((resolve) => {
    const child = spawn(program, words, { env: {}, stdio: ['ignore', 'ignore', 'pipe'] });
    const complaint: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => complaint.push(text));
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('close', (code) => {
      const text = complaint.join('').trim();
      resolve(code === 0 ? undefined : text === '' ? `${program} ended with ${String(code)}` : text);
    });
  });
}

/** Rejects when a tool that is needed is missing. */
async function findTools({ cgroupProcs, hostsFile }: Wrapping): Promise<WrapperTools> {
  const find = async (name: string, needed: boolean): Promise<string> => {
    const found = await findProgram(name, STANDARD_PATH);
    if (found.kind === 'found') return found.path;
    if (needed) throw new WorkloadStartError(found.message);
    return name;
  };
  const wrapped = cgroupProcs !== undefined || hostsFile !== undefined;
  const mounts = hostsFile !== undefined;
  return {
    sh: await find('sh', wrapped),
    env: await find('env', wrapped),
    mount: await find('mount', mounts),
    unshare: await find('unshare', mounts),
  };
}

function definedOnly(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** What was made on the host for one workload. */
class Traces {
  cgroup: string | undefined;
  hostsFolder: string | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Answers what could not be removed. */
  async remove(): Promise<readonly string[]> {
    const left: string[] = [];
    if (this.cgroup !== undefined) {
      const refusal = await destroyCgroup(this.cgroup, this.#clock);
      if (refusal !== undefined) left.push(refusal);
    }
    const { hostsFolder } = this;
    if (hostsFolder !== undefined) {
      await removeHostsFolder(hostsFolder).catch((error: unknown) => {
        left.push(`${hostsFolder}: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
    this.cgroup = undefined;
    this.hostsFolder = undefined;
    return left;
  }
}

class LaunchedWorkload implements Workload {
  readonly cgroupPath: string | undefined;
  readonly notices: readonly string[];
  readonly #spawn: () => ChildProcess;
  readonly #traces: Traces;
  #child: ChildProcess | undefined;

  constructor(
    cgroupPath: string | undefined,
    notices: readonly string[],
    spawnChild: () => ChildProcess,
    traces: Traces,
  ) {
    this.cgroupPath = cgroupPath;
    this.notices = notices;
    this.#spawn = spawnChild;
    this.#traces = traces;
  }

  get pid(): number | undefined {
    return this.#isRunning() ? this.#child?.pid : undefined;
  }

  start(): Promise<ChildExit> {
    if (this.#child !== undefined) throw new WorkloadStartError('the command was started before');
    const child = this.#spawn();
    this.#child = child;
    return new Promise((resolve, reject) => {
      child.once('error', (error) => {
        // Also emitted when a signal could not be sent; then the command runs.
        if (child.pid === undefined) reject(new WorkloadStartError(error.message, { cause: error }));
      });
      child.once('exit', (code, signal) => {
        resolve(signal === null ? { code: code ?? 0 } : { signal });
      });
    });
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#isRunning() && this.#child?.kill(signal) === true;
  }

  cleanup(): Promise<readonly string[]> {
    return this.#traces.remove();
  }

  #isRunning(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }
}
