// Where the process's cgroup is, however cgroup v2 is mounted.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { locateCgroup } from '../../../src/core/cgroup-path.js';

const V1 = '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n';

test('the cgroup directory is found for every way of mounting', () => {
  const cases: readonly (readonly [string, string, string, ReturnType<typeof locateCgroup>])[] = [
    ['not mounted', V1, '1:cpu:/\n', undefined],
    [
      'beside version 1',
      `${V1}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n`,
      '1:cpu:/other\n0::/\n',
      { mountPoint: '/sys/fs/cgroup/unified', own: '/sys/fs/cgroup/unified' },
    ],
    [
      'alone, with optional fields',
      '41 31 0:38 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n',
      '0::/user.slice/user-0.slice\n',
      { mountPoint: '/sys/fs/cgroup', own: '/sys/fs/cgroup/user.slice/user-0.slice' },
    ],
    [
      'a part of the hierarchy',
      '41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      '0::/docker/abc/init\n',
      { mountPoint: '/sys/fs/cgroup', own: '/sys/fs/cgroup/init' },
    ],
    [
      'a part that the process is not in',
      '41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      '0::/user.slice\n',
      { mountPoint: '/sys/fs/cgroup', own: '/sys/fs/cgroup' },
    ],
    [
      'at a path with a space',
      '41 31 0:38 / /mnt/my\\040cgroup rw - cgroup2 none rw\n',
      '0::/a\n',
      { mountPoint: '/mnt/my cgroup', own: '/mnt/my cgroup/a' },
    ],
    [
      'without an entry of its own',
      '41 31 0:38 / /sys/fs/cgroup rw - cgroup2 none rw\n',
      '',
      { mountPoint: '/sys/fs/cgroup', own: '/sys/fs/cgroup' },
    ],
  ];
  for (const [name, mountinfo, cgroups, expected] of cases) {
    assert.deepEqual(locateCgroup(mountinfo, cgroups), expected, name);
  }
});
