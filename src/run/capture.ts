// Brings the connections of the command to the proxy, by the best rung this host allows
// (architecture §5). When the kernel refuses what the plan promised, the next rung is taken.
import { type CapabilityFacts } from '../ebpf/capability-facts.js';
import {
  attachCommand,
  type CapturePlan,
  type CaptureWishes,
  explain,
  planCapture,
} from '../ebpf/attach-plan.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import { CommandRefusedError, type DataPlane } from '../dataplane/dataplane.js';
import { Direction, OriginalDestinationSource } from '../dataplane/gen/contract_pb.js';
import { type Workload } from '../launch/workload.js';
import { EX_UNAVAILABLE } from './exit-codes.js';
import { listen } from './listen.js';
import { makeWorkload } from './command.js';
import { type RunContext } from './run-context.js';
import { StartError } from './start-error.js';

const LOOPBACK_V4 = '127.0.0.1';
const LOOPBACK_V6 = '::1';

export interface StartedCapture {
  readonly rung: 1 | 2 | 3;
  readonly hooks: readonly string[];
  /** Such as `outbound 127.0.0.1:4140`. */
  readonly listeners: readonly string[];
  /** Already made on rung 1: its cgroup is what capture is attached to. */
  readonly workload: Workload | undefined;
}

export function captureWishes(
  { options, config }: Pick<RunContext, 'options' | 'config'>,
  refusedByKernel?: string,
): CaptureWishes {
  return {
    inboundPorts: options.inboundPorts,
    redirectedPort: options.redirectedPort,
    allowEbpf: options.allowEbpf,
    requireEbpf: options.requireEbpf,
    refusedByKernel,
    config: config.value,
  };
}

/** The plan, unless the options exclude it. */
export function acceptable(plan: CapturePlan): CapturePlan {
  if (plan.acceptable) return plan;
  throw new StartError(
    EX_UNAVAILABLE,
    `eBPF is required and cannot be used here: ${explain(plan).join('; ')}`,
  );
}

export async function startCapture(
  run: RunContext,
  dataPlane: DataPlane,
  facts: CapabilityFacts,
  planned: CapturePlan,
): Promise<StartedCapture> {
  let plan = planned;
  if (plan.rung === 1) {
    const attached = await attachEbpf(run, dataPlane, plan);
    if (attached.kind === 'attached') return attached.capture;
    plan = acceptable(planCapture(facts, captureWishes(run, attached.why)));
  }
  reportRung(run, plan);
  if (plan.rung !== 2) return { rung: 3, hooks: [], listeners: [], workload: undefined };
  const { redirectedPort: port } = plan;
  // A redirect of connections made here leads to the loopback address of their family.
  const addresses = facts.ipv6Loopback ? [LOOPBACK_V4, LOOPBACK_V6] : [LOOPBACK_V4];
  const listeners: string[] = [];
  for (const ip of addresses) {
    const bound = await listen(run, dataPlane, {
      id: run.listenerIds.next(),
      direction: Direction.OUTBOUND,
      source: OriginalDestinationSource.SOURCE_SOCKET_OPTION,
      address: { ip, port },
    });
    listeners.push(`outbound ${formatHostPort(bound)}`);
  }
  return { rung: 2, hooks: [], listeners, workload: undefined };
}

type AttachOutcome =
  | { readonly kind: 'attached'; readonly capture: StartedCapture }
  /** Nothing is left attached or open. */
  | { readonly kind: 'refused'; readonly why: string };

async function attachEbpf(
  run: RunContext,
  dataPlane: DataPlane,
  plan: Extract<CapturePlan, { rung: 1 }>,
): Promise<AttachOutcome> {
  const workload = await makeWorkload(run, { rung: 1, cgroupParent: plan.cgroupParent, variables: {} });
  const { cgroupPath } = workload;
  if (cgroupPath === undefined) throw new Error('a workload was made without the cgroup it was asked for');
  const listeners = await openListeners(run, dataPlane, plan.ipv6);
  const { outboundV4, outboundV6, inbound } = listeners;
  try {
    const status = dataPlane.attachCapture(
      attachCommand(captureWishes(run), {
        cgroupPath,
        outboundV4: outboundV4.bound,
        outboundV6: outboundV6?.bound,
        inboundListenerIds: inbound.map(({ id }) => id),
      }),
    );
    run.teardown.add('capture', () => {
      dataPlane.detachCapture();
    });
    const texts = [
      `outbound ${formatHostPort(outboundV4.bound)}`,
      ...(outboundV6 === undefined ? [] : [`outbound ${formatHostPort(outboundV6.bound)}`]),
      ...inbound.map(({ bound }) => `inbound ${formatHostPort(bound)}`),
    ];
    return { kind: 'attached', capture: { rung: 1, hooks: status.hooks, listeners: texts, workload } };
  } catch (error) {
    if (!(error instanceof CommandRefusedError)) throw error;
    for (const opened of [outboundV4, outboundV6, ...inbound]) {
      if (opened !== undefined) dataPlane.closeListener(opened.id);
    }
    await run.teardown.undo('workload');
    return { kind: 'refused', why: error.message };
  }
}

interface Opened {
  readonly id: number;
  readonly bound: HostPort;
}

interface CaptureListeners {
  readonly outboundV4: Opened;
  readonly outboundV6: Opened | undefined;
  /** One per address family; none without inbound ports. */
  readonly inbound: readonly Opened[];
}

/** On loopback, at ports of the kernel's choice: only steered connections find them. */
async function openListeners(
  run: RunContext,
  dataPlane: DataPlane,
  ipv6: boolean,
): Promise<CaptureListeners> {
  const open = async (
    direction: Direction,
    ip: string,
    source: OriginalDestinationSource,
  ): Promise<Opened> => {
    const id = run.listenerIds.next();
    return { id, bound: await listen(run, dataPlane, { id, direction, source, address: { ip, port: 0 } }) };
  };
  const { SOURCE_CAPTURE_MAP, SOURCE_LOCAL_ADDRESS } = OriginalDestinationSource;
  return {
    outboundV4: await open(Direction.OUTBOUND, LOOPBACK_V4, SOURCE_CAPTURE_MAP),
    outboundV6: ipv6 ? await open(Direction.OUTBOUND, LOOPBACK_V6, SOURCE_CAPTURE_MAP) : undefined,
    inbound:
      run.options.inboundPorts.length === 0
        ? []
        : [
            await open(Direction.INBOUND, LOOPBACK_V4, SOURCE_LOCAL_ADDRESS),
            ...(ipv6 ? [await open(Direction.INBOUND, LOOPBACK_V6, SOURCE_LOCAL_ADDRESS)] : []),
          ],
  };
}

/** A rung that nobody chose is worth a warning: less is meshed than the user may think. */
function reportRung({ logger, options }: RunContext, plan: CapturePlan): void {
  if (!options.allowEbpf || options.redirectedPort !== undefined) return;
  const missing = plan.findings.filter((finding) => finding.state === 'missing');
  logger.warn(
    {
      rung: plan.rung,
      why: missing.map(({ subject, detail }) => `${subject}: ${detail}`).join('; ') || undefined,
      remedy: missing.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy])).join('; ') || undefined,
    },
    'no capture by eBPF here: only what goes to explicit listeners and to the HTTP proxy is meshed',
  );
}
