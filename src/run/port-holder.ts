// Who listens on a port, for the message about a port that is busy. Linux tells through /proc what
// the user may see; where it does not, there is simply no answer.
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Reading the system; each rejects when it cannot. */
export interface ProcFiles {
  readText(path: string): Promise<string>;
  list(path: string): Promise<readonly string[]>;
  readLink(path: string): Promise<string>;
}

export const systemProcFiles: ProcFiles = {
  readText: (path) => readFile(path, 'utf8'),
  list: (path) => readdir(path),
  readLink: (path) => readlink(path),
};

export interface PortHolder {
  readonly pid: number;
  /** As `ps` shows it, at most 15 characters. */
  readonly command: string;
}

/** TCP_LISTEN of the kernel, in the form of /proc/net/tcp. */
const LISTENING = '0A';

async function orElse<T>(value: Promise<T>, fallback: T): Promise<T> {
  try {
    return await value;
  } catch {
    return fallback;
  }
}

/** Inodes of sockets that listen on `port`, of any local address. */
async function listeningInodes(port: number, files: ProcFiles): Promise<ReadonlySet<string>> {
  const inodes = new Set<string>();
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await orElse(files.readText(table), '')).split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === LISTENING && local.endsWith(`:${wanted}`) && inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

async function holdsOneOf(pid: string, inodes: ReadonlySet<string>, files: ProcFiles): Promise<boolean> {
  for (const fd of await orElse(files.list(`/proc/${pid}/fd`), [])) {
    const inode = /^socket:\[(\d+)\]$/.exec(await orElse(files.readLink(`/proc/${pid}/fd/${fd}`), ''))?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

/** The first process seen to listen on `port`. Never rejects. */
export async function findPortHolder(port: number, files: ProcFiles): Promise<PortHolder | undefined> {
  const inodes = await listeningInodes(port, files);
  if (inodes.size === 0) return undefined;
  for (const pid of await orElse(files.list('/proc'), [])) {
    if (!/^\d+$/.test(pid) || !(await holdsOneOf(pid, inodes, files))) continue;
    return { pid: Number(pid), command: (await orElse(files.readText(`/proc/${pid}/comm`), '?')).trim() };
  }
  return undefined;
}
