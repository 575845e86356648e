// The cgroup of one workload: a fresh child directory, emptied and removed afterwards. Names say whose
// it is, sluice-<pid>-<n>, so that the next run can remove what a killed one left.
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Clock, sleep } from '../core/clock.js';
import { isErrno } from './find-program.js';

const NAME = /^sluice-(\d+)-(?:\d+|probe)$/;

/** Left-over processes may end by themselves for this long after SIGTERM. */
const TERM_GRACE_MS = 2000;
/** The kernel needs a moment after SIGKILL; longer means processes that cannot be killed. */
const KILL_GRACE_MS = 5000;
const POLL_MS = 10;

const never = new AbortController().signal;

/** Answers the directory. Rejects with the system's error. */
export async function createCgroup(parent: string, pid: number): Promise<string> {
  for (let count = 0; ; count += 1) {
    const path = join(parent, `sluice-${String(pid)}-${String(count)}`);
    try {
      await mkdir(path);
      return path;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
}

/**
 * Removes empty cgroups of processes that are gone. Those with processes in them stay: a command that
 * outlived a killed sluice goes on, unmeshed, and is nobody's to end.
 */
export async function sweepCgroups(parent: string, isAlive: (pid: number) => boolean): Promise<void> {
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const pid = NAME.exec(entry.name)?.[1];
    if (pid === undefined || !entry.isDirectory() || isAlive(Number(pid))) continue;
    await removeTree(join(parent, entry.name)).catch(() => undefined);
  }
}

/** Ends every process in the cgroup and its children, then removes them. Answers why it could not. */
export async function destroyCgroup(path: string, clock: Clock): Promise<string | undefined> {
  try {
    if (!(await isEmpty(path))) {
      await signalAll(path, 'SIGTERM');
      await untilEmpty(path, clock, TERM_GRACE_MS, () => Promise.resolve());
    }
    await untilEmpty(path, clock, KILL_GRACE_MS, () => killAll(path));
    await removeTree(path);
    return undefined;
  } catch (error) {
    return `cgroup ${path}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function untilEmpty(
  path: string,
  clock: Clock,
  graceMs: number,
  press: () => Promise<void>,
): Promise<void> {
  const limit = clock.now() + graceMs;
  while (!(await isEmpty(path)) && clock.now() < limit) {
    await press();
    await sleep(clock, POLL_MS, never);
  }
}

/** Whether no process is in the cgroup or below. A removed cgroup is empty. */
async function isEmpty(path: string): Promise<boolean> {
  try {
    return !/^populated 1$/m.test(await readFile(join(path, 'cgroup.events'), 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    throw error;
  }
}

async function killAll(path: string): Promise<void> {
  try {
    // Linux 5.14; also ends what is being forked at this moment. Opened without O_CREAT: where the
    // file is missing, the kernel must say so.
    await writeFile(join(path, 'cgroup.kill'), '1', { flag: 'r+' });
  } catch {
    await signalAll(path, 'SIGKILL');
  }
}

async function signalAll(path: string, signal: NodeJS.Signals): Promise<void> {
  for (const directory of await tree(path)) {
    const text = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '');
    for (const pid of text.split('\n').map(Number)) {
      // 0: a process of another pid namespace, which has no number here.
      if (pid > 0) trySignal(pid, signal);
    }
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Ended meanwhile; whether any is left is asked of the cgroup.
  }
}

/** Children before their parents, as rmdir(2) wants it. */
async function removeTree(path: string): Promise<void> {
  for (const directory of await tree(path)) {
    await rmdir(directory).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error;
    });
  }
}

async function tree(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const children = entries.filter((entry) => entry.isDirectory());
  const below = await Promise.all(children.map((entry) => tree(join(path, entry.name))));
  return [...below.flat(), path];
}
