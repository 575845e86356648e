// The targets of one destination: one for each backend of its routes, shared by all routes that mean
// the same. What balances over a service gets that service's endpoints and keeps them. A target lives
// from the plan that first names it to the one that no longer does.
import { resourceText } from '../policy/resource-info.js';
import { EndpointSource, type EndpointSourceNeeds } from './proxy-endpoint-source.js';
import type { BalanceDispatcher } from '../policy/client-policy.js';
import type { BackendUse } from './policy-route-table.js';
import { DEFAULT_DECAY_MS, DEFAULT_RTT_MS, type OutboundSettings, outboundReach } from './proxy-settings.js';
import type { TargetSpec } from './target-spec.js';

export interface ProxyBackendsNeeds extends EndpointSourceNeeds {
  readonly settings: OutboundSettings;
}

interface BackendTarget {
  readonly targetId: number;
  /** Undefined: its one endpoint is known. */
  readonly source: EndpointSource | undefined;
}

/** Port of authorities that is left out of them (RFC 9110 §4.2.1). */
const HTTP_PORT_SUFFIX = /:80$/;

export class ProxyBackends {
  readonly #needs: ProxyBackendsNeeds;
  readonly #onSettled: () => void;
  /** By what they mean. */
  readonly #targets = new Map<string, BackendTarget>();
  /** By path. */
  readonly #sources = new Map<string, EndpointSource>();

  /** `onSettled`: the endpoints of a backend have been answered for the first time. */
  constructor(needs: ProxyBackendsNeeds, onSettled: () => void) {
    this.#needs = needs;
    this.#onSettled = onSettled;
  }

  /** The target of a backend, made when there is none; 0 for backends that fail. */
  targetOf(use: BackendUse): number {
    const spec = this.#specOf(use);
    if (spec === undefined) return 0;
    const { dispatcher, meta } = use.backend;
    const leadsTo = dispatcher.kind === 'balance' ? dispatcher.path : JSON.stringify(dispatcher);
    const key = JSON.stringify([meta, leadsTo, spec]);
    let target = this.#targets.get(key);
    if (target === undefined) this.#targets.set(key, (target = this.#make(use, spec)));
    return target.targetId;
  }

  /** Of the targets with these ids: how many balance over endpoints, and of how many these are known. */
  progress(targetIds: ReadonlySet<number>): { readonly balanced: number; readonly settled: number } {
    const sources = [...this.#targets.values()].flatMap(({ targetId, source }) =>
      source !== undefined && targetIds.has(targetId) ? [source] : [],
    );
    return { balanced: sources.length, settled: sources.filter(({ settled }) => settled).length };
  }

  /** Removes all other targets. Nothing names them any more. */
  retain(targetIds: ReadonlySet<number>): void {
    for (const [key, target] of this.#targets) {
      if (targetIds.has(target.targetId)) continue;
      this.#targets.delete(key);
      this.#remove(target);
    }
  }

  #specOf({ backend: { dispatcher }, traffic, failureAccrual }: BackendUse): TargetSpec | undefined {
    const { settings } = this.#needs;
    const labels = {};
    switch (dispatcher.kind) {
      case 'fail':
        return undefined;
      case 'forward': {
        // Neither waits nor chooses, so that what is not HTTP shares it.
        const load = { defaultRttMs: DEFAULT_RTT_MS, decayMs: DEFAULT_DECAY_MS };
        return {
          authority: '',
          labels,
          kind: 'forward',
          reach: outboundReach(settings, settings.httpQueue, load),
        };
      }
      case 'balance': {
        const isHttp = traffic === 'http';
        return {
          authority: dispatcher.path.replace(HTTP_PORT_SUFFIX, ''),
          labels,
          kind: 'balance',
          circuitBreaker: isHttp ? failureAccrual : undefined,
          loadPenalty: isHttp ? penaltyOf(dispatcher) : undefined,
          reach: outboundReach(settings, isHttp ? settings.httpQueue : settings.tcpQueue, dispatcher),
        };
      }
    }
  }

  #make({ backend: { dispatcher, meta }, traffic }: BackendUse, spec: TargetSpec): BackendTarget {
    const { targets, endpoints, logger } = this.#needs;
    if (dispatcher.kind !== 'balance') {
      const only = dispatcher.kind === 'forward' ? endpoints.describeAll([dispatcher.endpoint]) : [];
      return { targetId: targets.create(spec, only), source: undefined };
    }
    if (traffic !== 'http' && dispatcher.penalty !== undefined) {
      logger.warn({ backend: resourceText(meta) }, 'a load penalty is for HTTP only');
    }
    let source = this.#sources.get(dispatcher.path);
    if (source === undefined) {
      source = new EndpointSource(this.#needs, dispatcher.path, this.#onSettled);
      this.#sources.set(dispatcher.path, source);
    }
    const targetId = targets.create(spec, source.present);
    source.feed(targetId);
    return { targetId, source };
  }

  #remove({ targetId, source }: BackendTarget): void {
    this.#needs.targets.remove(targetId);
    if (source?.forget(targetId) !== true) return;
    this.#sources.delete(source.path);
    source.close();
  }
}

/** A penalty of no time is none. */
function penaltyOf({ penalty }: BalanceDispatcher): BalanceDispatcher['penalty'] {
  return penalty === undefined || penalty.penaltyMs === 0 ? undefined : penalty;
}
