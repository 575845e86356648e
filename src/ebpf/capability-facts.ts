// What a host can do for capture, as plain facts. Gathered by capability-probe.ts, judged by
// attach-plan.ts; a test writes them by hand.

/** The capabilities that matter here, by the kernel's names. */
export type Capability = 'CAP_BPF' | 'CAP_NET_ADMIN' | 'CAP_SYS_ADMIN';

export interface KernelVersion {
  /** As `uname -r` says. */
  readonly release: string;
  readonly major: number;
  readonly minor: number;
}

export interface CgroupFacts {
  /** Where cgroup v2 is mounted. */
  readonly mountPoint: string;
  /** Directory of the cgroup this process is in. */
  readonly own: string;
  /** Directory under which a child cgroup can be made; undefined when there is none. */
  readonly writableParent: string | undefined;
  /** Why there is none. */
  readonly refusal: string | undefined;
}

export interface CapabilityFacts {
  /** `linux`, `darwin`, … */
  readonly platform: string;
  readonly kernel: KernelVersion | undefined;
  /** The kernel's own type information; today's programs do without it. */
  readonly btf: boolean;
  /** Undefined: cgroup v2 is not mounted. */
  readonly cgroup: CgroupFacts | undefined;
  readonly effective: ReadonlySet<Capability>;
  readonly bounding: ReadonlySet<Capability>;
  /** `kernel.unprivileged_bpf_disabled`; undefined when it cannot be read. */
  readonly unprivilegedBpfDisabled: number | undefined;
  /** A seccomp filter is in force, which may refuse bpf(2). */
  readonly seccompFilter: boolean;
  readonly lockdown: 'none' | 'integrity' | 'confidentiality' | undefined;
  /** What kind of container this is, such as `docker`; undefined on a host. */
  readonly container: string | undefined;
  /** The address ::1 exists. */
  readonly ipv6Loopback: boolean;
}
