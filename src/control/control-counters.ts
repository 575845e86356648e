// What is counted of one controller, as plain numbers; src/metrics shows them (reference, proxy
// behaviour §8.3 and §8.6).
import { type NameCounts, nameCounts } from './controller-names.js';
import { RPC_CODE, rpcClassification } from './rpc-status.js';

/** Upper bounds of latency in milliseconds, without +Inf: those of `response_latency_ms`. */
export const CONTROL_LATENCY_BOUNDS_MS: readonly number[] = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000,
  30_000, 40_000, 50_000,
];

/** How an RPC ended. */
export interface RpcOutcome {
  /** Whether the head of a response had come. */
  readonly responded: boolean;
  /** Undefined: given up by us. */
  readonly code: number | undefined;
  /** From the question to the first message, or to the end without one. */
  readonly latencyMs: number;
}

/** Labels of a response as linkerd2-proxy shows them (§4.11, §8.3). */
export interface ResponseCount {
  readonly responded: boolean;
  /** Undefined: there was no response that could have had one. */
  readonly grpcStatus: number | undefined;
  readonly classification: 'success' | 'failure';
  count: number;
}

export interface LatencyCount {
  /** Of each bound, then of what is above all; not added up. */
  readonly buckets: number[];
  sumMs: number;
}

export type BalancerUpdate = 'Reset' | 'Add' | 'Remove';

/** Of the endpoints and connections at this moment; `control-metrics.ts` asks for it. */
export interface ChannelPicture {
  readonly ready: number;
  readonly pending: number;
  readonly waiting: number;
}

export class ControlCounters {
  /** RPCs sent. */
  requests = 0;
  /** RPCs that asked for an endpoint. */
  queued = 0;
  readonly names: NameCounts = nameCounts();
  readonly updates: Record<BalancerUpdate, number> = { Reset: 0, Add: 0, Remove: 0 };
  readonly #responses = new Map<string, ResponseCount>();
  readonly #latency = new Map<boolean, LatencyCount>();

  get responses(): Iterable<ResponseCount> {
    return this.#responses.values();
  }

  /** By whether the head of a response had come. */
  get latency(): ReadonlyMap<boolean, LatencyCount> {
    return this.#latency;
  }

  /** What is given up without a response is no response. */
  ended({ responded, code, latencyMs }: RpcOutcome): void {
    if (!responded && code === undefined) return;
    const key = responded ? String(code) : '';
    const response = this.#responses.get(key);
    if (response === undefined) this.#responses.set(key, { ...describe(responded, code), count: 1 });
    else response.count += 1;
    this.#addLatency(responded, latencyMs);
  }

  #addLatency(responded: boolean, latencyMs: number): void {
    let latency = this.#latency.get(responded);
    if (latency === undefined) {
      latency = { buckets: new Array<number>(CONTROL_LATENCY_BOUNDS_MS.length + 1).fill(0), sumMs: 0 };
      this.#latency.set(responded, latency);
    }
    const found = CONTROL_LATENCY_BOUNDS_MS.findIndex((bound) => latencyMs <= bound);
    const index = found < 0 ? CONTROL_LATENCY_BOUNDS_MS.length : found;
    latency.buckets[index] = (latency.buckets[index] ?? 0) + 1;
    latency.sumMs += latencyMs;
  }
}

/** A response that was given up is a success of unknown status, as the reference has it. */
function describe(responded: boolean, code: number | undefined): Omit<ResponseCount, 'count'> {
  if (!responded) return { responded, grpcStatus: undefined, classification: 'failure' };
  if (code === undefined) return { responded, grpcStatus: RPC_CODE.unknown, classification: 'success' };
  return { responded, grpcStatus: code, classification: rpcClassification(code) };
}
