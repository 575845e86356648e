// The folder with the hosts file of one workload. Its name says whose it is, sluice-<pid>-<random>, so
// that the next run can remove what a killed one left. A command that still runs keeps its hosts file:
// a mount holds the file, not its name.
import { chmod, lstat, mkdtemp, readdir, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^sluice-(\d+)-\w{6}$/;
const FILE = 'hosts';

/** Answers the folder and the file in it. Rejects with the system's error. */
export async function createHostsFolder(
  parent: string,
  pid: number,
  text: string,
): Promise<{ readonly folder: string; readonly file: string }> {
  const folder = await mkdtemp(join(parent, `sluice-${String(pid)}-`));
  const file = join(folder, FILE);
  await writeFile(file, text);
  // Whatever the umask is, and whatever user the command changes to.
  await chmod(file, 0o644);
  return { folder, file };
}

/** Removes folders of processes that are gone. */
export async function sweepHostsFolders(parent: string, isAlive: (pid: number) => boolean): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await removeHostsFolder(join(parent, name)).catch(() => undefined);
  }
}

/**
 * Only what createHostsFolder makes, and only of this user: others may write to a directory for
 * temporary files, and must not be able to say what is removed.
 */
export async function removeHostsFolder(folder: string): Promise<void> {
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== process.geteuid?.()) return;
  await unlink(join(folder, FILE)).catch(() => undefined);
  await rmdir(folder);
}
