// Decides how connections reach the proxy (architecture §5: rung 1, 2 or 3) from facts and wishes
// alone, and says why. Pure: the same input gives the same plan. `sluice doctor` prints explain().
import type { MessageInitShape } from '@bufbuild/protobuf';

import type { HostPort, MeshConfig } from '../config/mesh-config.js';
import { ipBytes } from '../core/ip.js';
import type { AttachCaptureSchema } from '../dataplane/gen/contract_pb.js';
import type { CapabilityFacts } from './capability-facts.js';

export interface CaptureWishes {
  /** Ports of the workload whose incoming connections go through the proxy. */
  readonly inboundPorts: readonly number[];
  /** Port that somebody else's redirect sends connections to (`--redirected-port`, rung 2). */
  readonly redirectedPort: number | undefined;
  /** False: `--no-ebpf`. */
  readonly allowEbpf: boolean;
  /** `--require-ebpf`: anything but rung 1 is a failure. */
  readonly requireEbpf: boolean;
  /** What the kernel said when attaching was tried on this host: plan again without rung 1. */
  readonly refusedByKernel: string | undefined;
  readonly config: Pick<MeshConfig, 'services' | 'skip' | 'forwards' | 'httpProxy'>;
}

export interface Finding {
  readonly state: 'ok' | 'missing' | 'note';
  /** Such as `kernel` or `CAP_BPF`. */
  readonly subject: string;
  readonly detail: string;
  /** What to do about it; only with `missing`. */
  readonly remedy?: string;
}

interface PlanCommon {
  /** In the order they were looked at. */
  readonly findings: readonly Finding[];
  /** False: eBPF was required and is not to be had. */
  readonly acceptable: boolean;
}

export type CapturePlan =
  | (PlanCommon & {
      readonly rung: 1;
      /** Where the workload's cgroup is made. */
      readonly cgroupParent: string;
      /** Open an outbound listener on ::1 too. */
      readonly ipv6: boolean;
    })
  | (PlanCommon & {
      readonly rung: 2;
      readonly redirectedPort: number;
    })
  | (PlanCommon & {
      readonly rung: 3;
      /** Undefined: a port of the kernel's choice on 127.0.0.1. */
      readonly httpProxy: HostPort | undefined;
    });

/** What is known once listeners and cgroup exist. */
export interface AttachedParts {
  readonly cgroupPath: string;
  readonly outboundV4: HostPort;
  readonly outboundV6: HostPort | undefined;
  /** One per address family; empty without inbound ports. */
  readonly inboundListenerIds: readonly number[];
}

export type AttachCaptureInit = MessageInitShape<typeof AttachCaptureSchema>;

/** The oldest kernel with every hook: sk_lookup came last. */
const OLDEST_KERNEL = { major: 5, minor: 9 };

export function planCapture(facts: CapabilityFacts, wishes: CaptureWishes): CapturePlan {
  const findings = judge(facts, wishes);
  const cgroupParent = facts.cgroup?.writableParent;
  const usable = findings.every(({ state }) => state !== 'missing');
  if (usable && wishes.allowEbpf && wishes.redirectedPort === undefined && cgroupParent !== undefined) {
    return { rung: 1, findings, acceptable: true, cgroupParent, ipv6: facts.ipv6Loopback };
  }
  const acceptable = !wishes.requireEbpf;
  if (wishes.redirectedPort !== undefined) {
    return { rung: 2, findings, acceptable, redirectedPort: wishes.redirectedPort };
  }
  return { rung: 3, findings, acceptable, httpProxy: wishes.config.httpProxy };
}

function judge(facts: CapabilityFacts, wishes: CaptureWishes): readonly Finding[] {
  const options = judgeOptions(wishes);
  if (facts.platform !== 'linux') {
    const remedy = 'use explicit listeners or the HTTP proxy, or run on Linux';
    return [
      ...options,
      { state: 'missing', subject: 'system', detail: `eBPF needs Linux, this is ${facts.platform}`, remedy },
    ];
  }
  return [
    ...options,
    judgeKernel(facts),
    judgeCgroup(facts),
    judgeCapability(facts, 'CAP_BPF'),
    judgeCapability(facts, 'CAP_NET_ADMIN'),
    ...judgeRefusal(facts, wishes),
    ...notes(facts),
  ];
}

function judgeOptions(wishes: CaptureWishes): readonly Finding[] {
  const findings: Finding[] = [];
  if (!wishes.allowEbpf) findings.push({ state: 'note', subject: 'options', detail: 'eBPF is switched off' });
  if (wishes.redirectedPort !== undefined) {
    const port = String(wishes.redirectedPort);
    const detail = `connections are redirected to port ${port} by somebody else, so eBPF is not used`;
    findings.push({ state: 'note', subject: 'options', detail });
  }
  return findings;
}

function judgeKernel({ kernel }: CapabilityFacts): Finding {
  const subject = 'kernel';
  const needed = `${String(OLDEST_KERNEL.major)}.${String(OLDEST_KERNEL.minor)}`;
  const remedy = `use Linux ${needed} or newer`;
  if (kernel === undefined) return { state: 'missing', subject, detail: 'of unknown version', remedy };
  const { major, minor, release } = kernel;
  const recent =
    major > OLDEST_KERNEL.major || (major === OLDEST_KERNEL.major && minor >= OLDEST_KERNEL.minor);
  return recent
    ? { state: 'ok', subject, detail: release }
    : { state: 'missing', subject, detail: `${release} is older than ${needed}`, remedy };
}

function judgeCgroup({ cgroup, container }: CapabilityFacts): Finding {
  const subject = 'cgroup v2';
  if (cgroup === undefined) {
    const remedy = 'mount it: mount -t cgroup2 none /sys/fs/cgroup/unified';
    return { state: 'missing', subject, detail: 'not mounted', remedy };
  }
  if (cgroup.writableParent !== undefined) {
    return { state: 'ok', subject, detail: `cgroups can be made in ${cgroup.writableParent}` };
  }
  const detail = `no cgroup can be made: ${cgroup.refusal ?? 'for unknown reasons'}`;
  const remedy =
    container === undefined
      ? `run as root, or have ${cgroup.own} delegated to this user`
      : 'run as root, with the cgroup file system mounted writable in this container';
  return { state: 'missing', subject, detail, remedy };
}

function judgeCapability(facts: CapabilityFacts, capability: 'CAP_BPF' | 'CAP_NET_ADMIN'): Finding {
  const { effective, bounding, container } = facts;
  // The kernel takes CAP_SYS_ADMIN for either (capabilities(7)).
  if (effective.has(capability)) return { state: 'ok', subject: capability, detail: 'effective' };
  if (effective.has('CAP_SYS_ADMIN')) {
    return { state: 'ok', subject: capability, detail: 'by CAP_SYS_ADMIN' };
  }
  if (bounding.has(capability) || bounding.has('CAP_SYS_ADMIN')) {
    const remedy = `run as root, or grant it to the service (systemd: AmbientCapabilities=${capability})`;
    return { state: 'missing', subject: capability, detail: 'not effective for this process', remedy };
  }
  const remedy =
    container === undefined
      ? 'start it from a process whose bounding set has the capability'
      : `start the container with --cap-add ${capability.slice('CAP_'.length)}`;
  return { state: 'missing', subject: capability, detail: 'not even root can have it here', remedy };
}

function judgeRefusal(facts: CapabilityFacts, { refusedByKernel }: CaptureWishes): readonly Finding[] {
  if (refusedByKernel === undefined) return [];
  const remedy = facts.seccompFilter
    ? 'allow bpf(2) in the seccomp filter that this process runs under'
    : 'see the message; security modules can refuse bpf(2), too';
  return [{ state: 'missing', subject: 'attaching', detail: refusedByKernel, remedy }];
}

/** Worth knowing, but in nobody's way. */
function notes(facts: CapabilityFacts): readonly Finding[] {
  const note = (subject: string, detail: string): Finding => ({ state: 'note', subject, detail });
  const found: Finding[] = [];
  if (facts.container !== undefined) found.push(note('container', facts.container));
  if (facts.seccompFilter) {
    found.push(note('seccomp', 'a filter is in force: whether it lets bpf(2) pass shows when attaching'));
  }
  if (facts.unprivilegedBpfDisabled === 0) {
    found.push(note('unprivileged bpf(2)', 'allowed, which these programs do not need'));
  }
  if (facts.lockdown !== undefined && facts.lockdown !== 'none') {
    found.push(
      note('lockdown', `${facts.lockdown}: these programs read no kernel memory, so it is no obstacle`),
    );
  }
  if (!facts.btf) found.push(note('kernel BTF', 'absent: capture works without it'));
  if (!facts.ipv6Loopback) found.push(note('IPv6', 'no ::1, so IPv6 connections are left alone'));
  return found;
}

/** The command that attaches a rung-1 plan. */
export function attachCommand(wishes: CaptureWishes, parts: AttachedParts): AttachCaptureInit {
  const { services, skip } = wishes.config;
  const virtualAddresses = services.flatMap(({ addresses }) => addresses);
  return {
    cgroupPath: parts.cgroupPath,
    outboundV4: toAddress(parts.outboundV4),
    ...(parts.outboundV6 === undefined ? {} : { outboundV6: toAddress(parts.outboundV6) }),
    skipOutboundPorts: skip.ports.map(({ first, last }) => ({ first, last })),
    skipOutboundNetworks: skip.networks.map(({ ip, prefixLength }) => ({ ip: ipBytes(ip), prefixLength })),
    captureNetworks: virtualAddresses.map((ip) => {
      const bytes = ipBytes(ip);
      return { ip: bytes, prefixLength: bytes.length * 8 };
    }),
    captureLoopback: !skip.loopback,
    ...(parts.inboundListenerIds.length === 0
      ? {}
      : { inboundPorts: [...wishes.inboundPorts], inboundListenerIds: [...parts.inboundListenerIds] }),
  };
}

function toAddress({ ip, port }: HostPort): { readonly ip: Uint8Array; readonly port: number } {
  return { ip: ipBytes(ip), port };
}

/** The plan as lines for people. */
export function explain(plan: CapturePlan): string[] {
  return [headline(plan), ...plan.findings.map(describeFinding)];
}

function headline(plan: CapturePlan): string {
  switch (plan.rung) {
    case 1: {
      const families = plan.ipv6 ? 'IPv4 and IPv6' : 'IPv4';
      return `rung 1: eBPF captures the TCP connections of the command (${families})`;
    }
    case 2:
      return `rung 2: connections that a redirect of others sends to port ${String(plan.redirectedPort)}`;
    case 3:
      return 'rung 3: explicit listeners and an HTTP proxy; nothing is captured';
  }
}

function describeFinding({ state, subject, detail, remedy }: Finding): string {
  const mark = { ok: 'ok     ', missing: 'missing', note: 'note   ' }[state];
  return `${mark} ${subject}: ${detail}${remedy === undefined ? '' : ` → ${remedy}`}`;
}
