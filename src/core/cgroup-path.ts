// Where cgroup v2 is mounted and which cgroup this process is in, from the texts of
// /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)).
import { posix } from 'node:path';

export interface CgroupLocation {
  readonly mountPoint: string;
  /** Directory of the process's own cgroup; the mount point when it lies outside of the mount. */
  readonly own: string;
}

/** Undefined: cgroup v2 is not mounted. With several mounts the first one counts. */
export function locateCgroup(mountinfo: string, cgroups: string): CgroupLocation | undefined {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    if (!after.startsWith('cgroup2 ')) continue;
    const [, , , rootText, mountPointText] = before.split(' ');
    if (rootText === undefined || mountPointText === undefined) continue;
    const mountPoint = unescape(mountPointText);
    return { mountPoint, own: ownDirectory(mountPoint, unescape(rootText), cgroups) };
  }
  return undefined;
}

function ownDirectory(mountPoint: string, root: string, cgroups: string): string {
  const path = cgroups
    .split('\n')
    .find((line) => line.startsWith('0::'))
    ?.slice('0::'.length);
  if (path === undefined) return mountPoint;
  // What is mounted may be a part of the hierarchy (a container without a cgroup namespace).
  const relative = posix.relative(root, path);
  return relative.startsWith('..') ? mountPoint : posix.join(mountPoint, relative);
}

/** The kernel writes space, tab, newline and backslash in octal. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
