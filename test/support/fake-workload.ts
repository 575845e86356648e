// A command that does nothing until the test ends it, and the facts of hosts to run it on.
import { type CapabilityFacts } from '../../src/ebpf/capability-facts.js';
import {
  type ChildExit,
  type Workload,
  type WorkloadOptions,
  type WorkloadPreparation,
} from '../../src/launch/workload.js';

export class FakeWorkload implements Workload {
  readonly cgroupPath: string | undefined;
  readonly notices: readonly string[] = [];
  readonly killed: NodeJS.Signals[] = [];
  /** Resolves when the command runs. */
  readonly started: Promise<void>;
  pid: number | undefined;
  cleanups = 0;
  #markStarted: () => void = () => undefined;
  #end: (exit: ChildExit) => void = () => undefined;

  constructor(cgroupPath: string | undefined) {
    this.cgroupPath = cgroupPath;
    this.started = new Promise((resolve) => (this.#markStarted = resolve));
  }

  start(): Promise<ChildExit> {
    this.pid = 4711;
    this.#markStarted();
    return new Promise((resolve) => (this.#end = resolve));
  }

  end(exit: ChildExit): void {
    this.pid = undefined;
    this.#end(exit);
  }

  /** SIGKILL is obeyed, everything else only noted. */
  kill(signal: NodeJS.Signals): boolean {
    if (this.pid === undefined) return false;
    this.killed.push(signal);
    if (signal === 'SIGKILL') this.end({ signal });
    return true;
  }

  cleanup(): Promise<readonly string[]> {
    this.cleanups++;
    return Promise.resolve([]);
  }
}

/** Prepares fake workloads and remembers them. */
export class FakeLauncher {
  readonly options: WorkloadOptions[] = [];
  readonly workloads: FakeWorkload[] = [];
  /** Answered instead of a workload. */
  failure: Extract<WorkloadPreparation, { kind: 'failed' }> | undefined;

  readonly prepare = (options: WorkloadOptions): Promise<WorkloadPreparation> => {
    this.options.push(options);
    if (this.failure !== undefined) return Promise.resolve(this.failure);
    const workload = new FakeWorkload(
      options.cgroupParent === undefined ? undefined : `${options.cgroupParent}/sluice-1`,
    );
    this.workloads.push(workload);
    return Promise.resolve({ kind: 'ready', workload });
  };
}

/** A Linux host where capture by eBPF works. */
export const CAPABLE_HOST: CapabilityFacts = {
  platform: 'linux',
  kernel: { release: '6.1.0', major: 6, minor: 1 },
  btf: true,
  cgroup: {
    mountPoint: '/sys/fs/cgroup',
    own: '/sys/fs/cgroup/me',
    writableParent: '/sys/fs/cgroup/me',
    refusal: undefined,
  },
  effective: new Set(['CAP_BPF', 'CAP_NET_ADMIN']),
  bounding: new Set(['CAP_BPF', 'CAP_NET_ADMIN']),
  unprivilegedBpfDisabled: 2,
  seccompFilter: false,
  lockdown: 'none',
  container: undefined,
  ipv6Loopback: true,
};

/** The same without rights. */
export const RIGHTLESS_HOST: CapabilityFacts = { ...CAPABLE_HOST, effective: new Set(), bounding: new Set() };
