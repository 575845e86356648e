// Facts from the files of hosts that are written down here.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type HostView, probeCapabilities } from '../../../src/ebpf/capability-probe.js';

const MOUNTINFO = '41 31 0:38 / /cg rw,relatime - cgroup2 cgroup2 rw\n';

interface FakeHost extends HostView {
  readonly directories: Set<string>;
}

function aHost(files: Readonly<Record<string, string>>, overrides: Partial<HostView> = {}): FakeHost {
  const directories = new Set<string>();
  return {
    platform: 'linux',
    pid: 42,
    release: '6.18.4-1-generic',
    directories,
    readText: (path) => {
      const inFresh = [...directories].some((directory) => path === `${directory}/cgroup.type`);
      return Promise.resolve(files[path] ?? (inFresh ? 'domain\n' : undefined));
    },
    exists: (path) => Promise.resolve(path in files),
    makeDirectory: (path) => {
      directories.add(path);
      return Promise.resolve();
    },
    removeDirectory: (path) => {
      directories.delete(path);
      return Promise.resolve();
    },
    addresses: () => ['127.0.0.1', '::1', '192.0.2.7'],
    ...overrides,
  };
}

const ROOT_ON_A_HOST = {
  '/proc/self/status': 'Name:\tnode\nSeccomp:\t0\nCapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n',
  '/proc/self/mountinfo': MOUNTINFO,
  '/proc/self/cgroup': '0::/user.slice\n',
  '/proc/sys/kernel/unprivileged_bpf_disabled': '2\n',
  '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
  '/sys/kernel/btf/vmlinux': '',
};

test('root on a host has everything', async () => {
  const host = aHost(ROOT_ON_A_HOST);
  assert.deepEqual(await probeCapabilities(host), {
    platform: 'linux',
    kernel: { release: '6.18.4-1-generic', major: 6, minor: 18 },
    btf: true,
    cgroup: {
      mountPoint: '/cg',
      own: '/cg/user.slice',
      writableParent: '/cg/user.slice',
      refusal: undefined,
    },
    effective: new Set(['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_BPF']),
    bounding: new Set(['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_BPF']),
    unprivilegedBpfDisabled: 2,
    seccompFilter: false,
    lockdown: 'integrity',
    container: undefined,
    ipv6Loopback: true,
  });
  assert.deepEqual([...host.directories], []);
});

test('capabilities are read bit by bit, and seccomp filters are seen', async () => {
  const status = 'CapEff:\t0000008000001000\nCapBnd:\t0000000000201000\nSeccomp:\t2\n';
  const facts = await probeCapabilities(aHost({ ...ROOT_ON_A_HOST, '/proc/self/status': status }));
  assert.deepEqual(facts.effective, new Set(['CAP_NET_ADMIN', 'CAP_BPF']));
  assert.deepEqual(facts.bounding, new Set(['CAP_NET_ADMIN', 'CAP_SYS_ADMIN']));
  assert.equal(facts.seccompFilter, true);
});

test('a host that shows nothing gives facts, not errors', async () => {
  const facts = await probeCapabilities(
    aHost({}, { platform: 'darwin', release: '23.1.0', addresses: () => [] }),
  );
  assert.equal(facts.kernel, undefined);
  assert.equal(facts.cgroup, undefined);
  assert.equal(facts.btf, false);
  assert.deepEqual(facts.effective, new Set());
  assert.equal(facts.unprivilegedBpfDisabled, undefined);
  assert.equal(facts.lockdown, undefined);
  assert.equal(facts.ipv6Loopback, false);
});

test('the mount point is second best when the own cgroup takes no children', async () => {
  const refuse = (path: string): Promise<void> =>
    path.startsWith('/cg/user.slice') ? Promise.reject(new Error('EACCES: denied')) : Promise.resolve();
  const facts = await probeCapabilities(
    aHost({ ...ROOT_ON_A_HOST, '/cg/sluice-42-probe/cgroup.type': 'domain\n' }, { makeDirectory: refuse }),
  );
  assert.equal(facts.cgroup?.writableParent, '/cg');
});

test('a child that cannot hold processes is refused and removed', async () => {
  const host = aHost({
    ...ROOT_ON_A_HOST,
    '/proc/self/cgroup': '0::/\n',
    '/cg/sluice-42-probe/cgroup.type': 'domain invalid\n',
  });
  const facts = await probeCapabilities(host);
  assert.equal(facts.cgroup?.writableParent, undefined);
  assert.match(facts.cgroup?.refusal ?? '', /'domain invalid'/);
  assert.deepEqual([...host.directories], []);
});

test('every refusal is told when no cgroup can be made', async () => {
  const refuse = (path: string): Promise<void> => Promise.reject(new Error(`EROFS: ${path}`));
  const facts = await probeCapabilities(aHost(ROOT_ON_A_HOST, { makeDirectory: refuse }));
  assert.equal(facts.cgroup?.writableParent, undefined);
  assert.match(facts.cgroup?.refusal ?? '', /EROFS: \/cg\/user\.slice\/.*; EROFS: \/cg\/sluice/);
});

test('containers are recognised by what they leave in the file system', async () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, string | undefined])[] = [
    [{}, undefined],
    [{ '/.dockerenv': '' }, 'docker'],
    [{ '/run/.containerenv': '' }, 'podman'],
    [{ '/run/systemd/container': 'lxc\n' }, 'lxc'],
    [{ '/.dockerenv': '', '/var/run/secrets/kubernetes.io/serviceaccount': '' }, 'kubernetes'],
  ];
  for (const [files, expected] of cases) {
    assert.equal((await probeCapabilities(aHost({ ...ROOT_ON_A_HOST, ...files }))).container, expected);
  }
});
