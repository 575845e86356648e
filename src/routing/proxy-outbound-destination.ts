// Where connections to one original destination go (reference §4.1, §4.2): by its policy, or by its
// profile, both of which are watched for as long as it is used. Connections wait until both have
// answered and the endpoints are known; from then on a change takes effect once the endpoints that it
// needs are known, and until then everything stays as it was.
import { formatHostPort, type HostPort, networkContains } from '../core/ip.js';
import type { CancelTimer, Clock } from '../core/clock.js';
import { Direction } from '../dataplane/gen/contract_pb.js';
import type { ControlPlane, StreamWatch } from '../control/control-plane.js';
import type { ClientPolicy } from '../policy/client-policy.js';
import { outboundPlan } from '../policy/outbound-plan.js';
import { clientPolicy } from '../policy/read-client-policy.js';
import { serviceProfile } from '../policy/read-service-profile.js';
import type { ServiceProfile } from '../policy/service-profile.js';
import { toSocketAddress } from './border-values.js';
import type { Commander } from './commander.js';
import type { DestinationSpec, DestinationTable } from './destination-table.js';
import { guard } from './guard.js';
import type { PolicyIds } from './policy-ids.js';
import { planRouteTable, type ServedPlan } from './policy-route-table.js';
import { LastAnswer } from './proxy-answers.js';
import { ProxyBackends, type ProxyBackendsNeeds } from './proxy-backends.js';
import { positiveMs } from './proxy-settings.js';
import type { OpenStream } from './proxy-streams.js';
import type { DestinationDescription } from './route-description.js';
import type { RouteTable } from './route-table.js';
import type { RouteTables } from './route-tables.js';

export interface OutboundNeeds extends ProxyBackendsNeeds {
  readonly clock: Clock;
  readonly commander: Commander;
  readonly destinations: DestinationTable;
  readonly routeTables: RouteTables;
  readonly ids: PolicyIds;
}

/** How long others wait for a backend whose endpoints are not known while those of some are. */
const STRAGGLER_MS = 500;

type MessageOf<Question extends keyof ControlPlane> =
  ReturnType<ControlPlane[Question]> extends StreamWatch<infer Message> ? Message : never;

interface Prepared {
  readonly plan: ServedPlan;
  readonly table: RouteTable;
  readonly targetIds: ReadonlySet<number>;
}

export class OutboundDestination {
  readonly id: number;
  readonly address: HostPort;
  readonly #needs: OutboundNeeds;
  readonly #onGone: () => void;
  readonly #backends: ProxyBackends;
  readonly #policy: LastAnswer<MessageOf<'outboundPolicy'>, ClientPolicy>;
  readonly #profile: LastAnswer<MessageOf<'profile'>, ServiceProfile>;
  #policyStream: OpenStream<MessageOf<'outboundPolicy'>> | undefined;
  #profileStream: OpenStream<MessageOf<'profile'>> | undefined;
  /** Waits for endpoints. */
  #next: Prepared | undefined;
  #giveUp: { readonly atMs: number; readonly cancel: CancelTimer } | undefined;
  #inEffect = false;
  #routeTableId: number | undefined;
  /** Targets that the table in effect may lead to. */
  #serving: ReadonlySet<number> = new Set();
  #gone = false;

  /** `onGone`: it has failed; the next connection to the address begins anew. */
  constructor(needs: OutboundNeeds, address: HostPort, onGone: () => void) {
    this.id = needs.destinations.newId();
    this.address = address;
    this.#needs = needs;
    this.#onGone = onGone;
    this.#backends = new ProxyBackends(needs, () => {
      this.#advance();
    });
    const text = formatHostPort(address);
    this.#policy = new LastAnswer(clientPolicy, needs.logger, 'Client policy', text);
    this.#profile = new LastAnswer(serviceProfile, needs.logger, 'Service profile', text);
  }

  begin(): void {
    const { streams, settings } = this.#needs;
    const onChange = (): void => {
      this.#decide();
    };
    this.#policyStream = streams.outboundPolicy({ kind: 'address', address: this.address }, onChange);
    if (settings.profileNetworks.some((network) => networkContains(network, this.address.ip))) {
      this.#profileStream = streams.profile(formatHostPort(this.address), onChange);
    }
    this.#decide();
  }

  /** The data plane asks although it has been asked for: when there is an answer it is given again. */
  askedAgain(): void {
    if (this.#inEffect) this.#needs.destinations.putAgain(this.id);
  }

  /** Decides nothing any more; what the data plane has stays. */
  stop(): void {
    this.#gone = true;
    this.#stopWaiting();
    this.#policyStream?.close();
    this.#profileStream?.close();
  }

  /** Takes it out of the data plane, and gives back what it used. */
  remove(): void {
    this.stop();
    this.#needs.destinations.remove(this.id);
    if (this.#routeTableId !== undefined) this.#needs.routeTables.remove(this.#routeTableId);
    this.#backends.retain(new Set());
  }

  describe(): DestinationDescription | undefined {
    return this.#needs.destinations.describe(this.id, 'outbound');
  }

  // ------------------------------------------------------------------------------ what is known

  #decide(): void {
    const policyStream = this.#policyStream;
    if (this.#gone || policyStream === undefined) return;
    const isNew = [
      this.#policy.take(policyStream.state),
      this.#profileStream !== undefined && this.#profile.take(this.#profileStream.state),
    ];
    if (!isNew.includes(true)) return;
    const plan = outboundPlan({
      address: this.address,
      policy: this.#policy.state,
      profile: this.#profileStream === undefined ? undefined : this.#profile.state,
    });
    switch (plan.kind) {
      case 'pending':
        break;
      case 'fail':
        if (this.#inEffect) this.#ignore(plan.reason);
        else this.#fail(plan.reason);
        break;
      case 'serve':
        this.#prepare(plan);
        this.#advance();
        break;
    }
  }

  #prepare(plan: ServedPlan): void {
    const targetIds = new Set<number>();
    const table = planRouteTable(plan, this.address.port, {
      ids: this.#needs.ids,
      targetOf: (use) => {
        const targetId = this.#backends.targetOf(use);
        if (targetId !== 0) targetIds.add(targetId);
        return targetId;
      },
    });
    this.#next = { plan, table, targetIds };
    // What only a plan that never took effect has named.
    this.#backends.retain(new Set([...this.#serving, ...targetIds]));
  }

  // ------------------------------------------------------------------------------ taking effect

  #advance(): void {
    if (this.#next === undefined) return;
    const { balanced, settled } = this.#backends.progress(this.#next.targetIds);
    if (settled === balanced) {
      this.#takeEffect();
      return;
    }
    // Without endpoints requests would fail at once; in linkerd2-proxy they wait in the balancer's queue
    // until its fail-fast time-out (reference §4.13).
    const failFastMs = positiveMs(this.#needs.settings.httpQueue.failFastMs);
    this.#waitAtMost(settled === 0 ? failFastMs : Math.min(STRAGGLER_MS, failFastMs));
  }

  #waitAtMost(ms: number): void {
    const { clock, logger } = this.#needs;
    const atMs = clock.now() + ms;
    if (this.#giveUp !== undefined && this.#giveUp.atMs <= atMs) return;
    this.#stopWaiting();
    const cancel = clock.after(ms, () => {
      this.#giveUp = undefined;
      guard(logger, () => {
        this.#takeEffect();
      });
    });
    this.#giveUp = { atMs, cancel };
  }

  #stopWaiting(): void {
    this.#giveUp?.cancel();
    this.#giveUp = undefined;
  }

  #takeEffect(): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    this.#stopWaiting();
    const { routeTables, destinations, commander } = this.#needs;
    if (this.#routeTableId === undefined) this.#routeTableId = routeTables.create(next.table);
    else routeTables.update(this.#routeTableId, next.table);
    // A table that the data plane has refused leaves the one before, which leads to what was before.
    const old = routeTables.isSent(this.#routeTableId) ? [] : this.#serving;
    this.#serving = new Set([...old, ...next.targetIds]);
    const applied = destinations.put(this.id, this.#spec(next, this.#routeTableId));
    this.#backends.retain(this.#serving);
    const isFirst = !this.#inEffect;
    this.#inEffect = true;
    if (!applied && isFirst && !commander.retrying) this.#fail('the data plane refused the route');
  }

  #spec({ plan: { protocol }, targetIds }: Prepared, routeTableId: number): DestinationSpec {
    const { detectTimeoutMs, discoveryIdleMs } = this.#needs.settings;
    const [usual = 0] = targetIds;
    return {
      direction: 'outbound',
      address: this.address,
      protocol,
      detectTimeoutMs: positiveMs(detectTimeoutMs),
      targetId: usual,
      routeTableId,
      authorities: [],
      discoverAuthorities: false,
      idleTimeoutMs: positiveMs(discoveryIdleMs),
    };
  }

  /** What serves goes on serving. */
  #ignore(reason: string): void {
    const fields = { address: formatHostPort(this.address), error: reason };
    this.#needs.logger.warn(fields, 'a change of a policy is not followed');
  }

  /** Ends the waiting of connections. */
  #fail(detail: string): void {
    this.#onGone();
    this.remove();
    const fields = { address: formatHostPort(this.address) };
    this.#needs.commander.attempt('failDiscovery', fields, (dataPlane) => {
      dataPlane.failDiscovery({
        direction: Direction.OUTBOUND,
        address: toSocketAddress(this.address),
        detail,
      });
    });
  }
}
