// Finds out what this host allows, by reading /proc and /sys only: nothing is attached or changed,
// apart from one cgroup directory that is made and removed again to know whether it can be.
import { access, mkdir, readFile, rmdir } from 'node:fs/promises';
import { networkInterfaces, release } from 'node:os';
import { join } from 'node:path';

import { locateCgroup } from '../core/cgroup-path.js';
import type { Capability, CapabilityFacts, CgroupFacts, KernelVersion } from './capability-facts.js';

/** What the probe looks at; a test can be the host. */
export interface HostView {
  readonly platform: string;
  readonly pid: number;
  /** As `uname -r` says. */
  readonly release: string;
  /** Undefined when it cannot be read, for whatever reason. */
  readText(path: string): Promise<string | undefined>;
  exists(path: string): Promise<boolean>;
  makeDirectory(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  /** Addresses of all interfaces that are up. */
  addresses(): readonly string[];
}

export const systemHost: HostView = {
  platform: process.platform,
  pid: process.pid,
  release: release(),
  readText: async (path) => {
    try {
      return await readFile(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  exists: async (path) => {
    try {
      await access(path);
      return true;
    } catch {
      return false;
    }
  },
  makeDirectory: async (path) => {
    await mkdir(path);
  },
  removeDirectory: (path) => rmdir(path),
  addresses: () =>
    Object.values(networkInterfaces()).flatMap((addresses) =>
      (addresses ?? []).map(({ address }) => address),
    ),
};

const CAPABILITY_BITS: readonly (readonly [Capability, bigint])[] = [
  ['CAP_NET_ADMIN', 12n],
  ['CAP_SYS_ADMIN', 21n],
  ['CAP_BPF', 39n],
];

/** Never rejects: what cannot be read is reported as absent. */
export async function probeCapabilities(host: HostView = systemHost): Promise<CapabilityFacts> {
  const status = (await host.readText('/proc/self/status')) ?? '';
  return {
    platform: host.platform,
    kernel: host.platform === 'linux' ? parseKernelVersion(host.release) : undefined,
    btf: await host.exists('/sys/kernel/btf/vmlinux'),
    cgroup: await probeCgroup(host),
    effective: capabilitiesOf(status, 'CapEff'),
    bounding: capabilitiesOf(status, 'CapBnd'),
    unprivilegedBpfDisabled: await readNumber(host, '/proc/sys/kernel/unprivileged_bpf_disabled'),
    seccompFilter: statusField(status, 'Seccomp') === '2',
    lockdown: parseLockdown(await host.readText('/sys/kernel/security/lockdown')),
    container: await probeContainer(host),
    ipv6Loopback: host.addresses().includes('::1'),
  };
}

function parseKernelVersion(text: string): KernelVersion | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return { release: text, major: Number(major), minor: Number(minor) };
}

function statusField(status: string, name: string): string | undefined {
  const line = status.split('\n').find((candidate) => candidate.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

function capabilitiesOf(status: string, field: string): ReadonlySet<Capability> {
  const text = statusField(status, field);
  const bits = text !== undefined && /^[0-9a-f]+$/i.test(text) ? BigInt(`0x${text}`) : 0n;
  return new Set(CAPABILITY_BITS.filter(([, bit]) => (bits >> bit) & 1n).map(([name]) => name));
}

async function readNumber(host: HostView, path: string): Promise<number | undefined> {
  const text = (await host.readText(path))?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** The mode in force is the one in brackets: `none [integrity] confidentiality`. */
function parseLockdown(text: string | undefined): CapabilityFacts['lockdown'] {
  const mode = /\[(\w+)\]/.exec(text ?? '')?.[1];
  return mode === 'none' || mode === 'integrity' || mode === 'confidentiality' ? mode : undefined;
}

async function probeContainer(host: HostView): Promise<string | undefined> {
  // systemd's container interface; what the others leave behind follows.
  const declared = (await host.readText('/run/systemd/container'))?.trim();
  if (declared !== undefined && declared !== '') return declared;
  if (await host.exists('/run/.containerenv')) return 'podman';
  if (await host.exists('/var/run/secrets/kubernetes.io/serviceaccount')) return 'kubernetes';
  return (await host.exists('/.dockerenv')) ? 'docker' : undefined;
}

async function probeCgroup(host: HostView): Promise<CgroupFacts | undefined> {
  const location = locateCgroup(
    (await host.readText('/proc/self/mountinfo')) ?? '',
    (await host.readText('/proc/self/cgroup')) ?? '',
  );
  if (location === undefined) return undefined;
  const { mountPoint, own } = location;
  const refusals: string[] = [];
  // Under its own cgroup a workload keeps the limits of this process; the mount point is second best.
  for (const parent of new Set([own, mountPoint])) {
    const refusal = await whyNoChild(host, parent);
    if (refusal === undefined) return { mountPoint, own, writableParent: parent, refusal: undefined };
    refusals.push(refusal);
  }
  return { mountPoint, own, writableParent: undefined, refusal: refusals.join('; ') };
}

/** Why a process cannot be put into a new child of the cgroup; undefined when it can. */
async function whyNoChild(host: HostView, parent: string): Promise<string | undefined> {
  const child = join(parent, `sluice-${String(host.pid)}-probe`);
  try {
    await host.makeDirectory(child);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  try {
    const type = (await host.readText(join(child, 'cgroup.type')))?.trim();
    return type === 'domain' ? undefined : `a child of ${parent} is of type '${type ?? 'unknown'}'`;
  } finally {
    await host.removeDirectory(child).catch(() => undefined);
  }
}
