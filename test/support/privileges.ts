// What tests need of the host beyond sockets: rights to load BPF programs, and network namespaces of
// their own. A host that cannot give it skips the test with the reason; one that should must pass.
import { type TestContext } from 'node:test';

import { defaultMeshConfig } from '../../src/config/defaults.js';
import { explain, planCapture } from '../../src/ebpf/attach-plan.js';
import { probeCapabilities } from '../../src/ebpf/capability-probe.js';
import { output, run, type Scope, start, until, type Words } from './processes.js';

/** Skips the test, and answers false, where eBPF capture is not to be had. */
export async function canCapture(t: TestContext): Promise<boolean> {
  const plan = planCapture(await probeCapabilities(), {
    inboundPorts: [],
    redirectedPort: undefined,
    allowEbpf: true,
    requireEbpf: true,
    refusedByKernel: undefined,
    config: defaultMeshConfig,
  });
  if (plan.rung === 1) return true;
  t.skip(`needs eBPF capture: ${explain(plan).join('; ')}`);
  return false;
}

/** Skips the test, and answers false, where no network namespace can be made. */
export async function canMakeNamespaces(t: TestContext): Promise<boolean> {
  const { effective } = await probeCapabilities();
  if (effective.has('CAP_SYS_ADMIN') && effective.has('CAP_NET_ADMIN')) return true;
  t.skip('needs CAP_SYS_ADMIN and CAP_NET_ADMIN for network namespaces');
  return false;
}

export interface Namespace {
  /** Put before a command line: runs it there. */
  readonly wrap: Words;
  readonly ipv4: string;
  readonly ipv6: string;
}

const V4 = ['10.78.0.1', '10.78.0.2'] as const;
const V6 = ['fd00:78::1', 'fd00:78::2'] as const;

/**
 * Two namespaces with a cable between them; nothing of the host's network is touched. A sleeping process
 * holds each: they go with it, whatever happens to the test.
 */
export async function aPairOfNamespaces(t: Scope): Promise<readonly [Namespace, Namespace]> {
  const [left, right] = [await aHolder(t), await aHolder(t)];
  const inLeft = enter(left);
  const inRight = enter(right);
  await output([
    ...inLeft,
    'ip',
    'link',
    'add',
    'cable',
    'type',
    'veth',
    'peer',
    'cable',
    'netns',
    String(right),
  ]);
  for (const [index, wrap] of [inLeft, inRight].entries()) {
    await output([...wrap, 'ip', 'link', 'set', 'lo', 'up']);
    await output([...wrap, 'ip', 'address', 'add', `${V4[index] ?? ''}/24`, 'dev', 'cable']);
    await output([...wrap, 'ip', 'address', 'add', `${V6[index] ?? ''}/64`, 'dev', 'cable', 'nodad']);
    await output([...wrap, 'ip', 'link', 'set', 'cable', 'up']);
  }
  // Only reachable addresses refuse. IPv6 comes up a moment after the link.
  await until('the cable carries both families', async () => {
    for (const ip of [V4[1], V6[1]]) {
      const tried = await run([...inLeft, 'timeout', '1', 'bash', '-c', `: >/dev/tcp/${ip}/9`]);
      if (!tried.stderr.includes('refused')) return false;
    }
    return true;
  });
  return [
    { wrap: inLeft, ipv4: V4[0], ipv6: V6[0] },
    { wrap: inRight, ipv4: V4[1], ipv6: V6[1] },
  ];
}

/** The pid of a process in a network namespace of its own. */
async function aHolder(t: Scope): Promise<number> {
  const holder = start(t, ['unshare', '--net', '--', 'sh', '-c', 'echo ready; exec sleep 600']);
  await holder.sees('ready', ({ stdout }) => (stdout.includes('ready') ? true : undefined));
  return holder.pid;
}

/** Only the network: cgroups and files stay as they are. */
function enter(pid: number): Words {
  return ['nsenter', '--target', String(pid), '--net', '--'];
}
