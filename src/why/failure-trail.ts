// Follows the failures that the data plane tells of and remembers the latest, each with what the rest
// of the control logic knows of it at that moment: service, labels, the state of the endpoints.
import { formatIp, type HostPort } from '../core/ip.js';
import { type EventBatch, type Failure, type SocketAddress } from '../dataplane/gen/contract_pb.js';
import { type RouteDirectory } from '../routing/route-directory.js';
import {
  type DestinationDirectory,
  type TargetDirectory,
  type TargetInfo,
} from '../routing/target-directory.js';
import { type EndpointPictures } from './endpoint-pictures.js';
import { type FailureFilter, matches, REMEMBERED_FAILURES } from './failure-filter.js';
import { directionName, type FailureRecord, recordOf, wantsPicture } from './failure-record.js';
import { FailureRing } from './failure-ring.js';

/** The part of the data plane that is needed here. */
export interface FailureSource {
  subscribe(listener: (batch: EventBatch) => void): () => void;
}

export interface FailureTrailOptions {
  readonly source: FailureSource;
  readonly targets: TargetDirectory & DestinationDirectory & Pick<RouteDirectory, 'routeInfo'>;
  readonly pictures: EndpointPictures;
  /** Unix time in milliseconds. */
  readonly wallTime: () => number;
}

/** The answer of `/why.json`. */
export interface FailureSelection {
  /** Newest first. */
  readonly failures: readonly FailureRecord[];
  /** Records that fit the filter, those beyond its limit included. */
  readonly matching: number;
  /** All records. */
  readonly remembered: number;
  /** Failures that are remembered no more, as newer ones needed the place. */
  readonly forgotten: number;
  /** Failures and log lines of the data plane that came too fast to be handed over. */
  readonly lost: number;
}

export class FailureTrail {
  readonly #options: FailureTrailOptions;
  readonly #ring = new FailureRing(REMEMBERED_FAILURES);
  readonly #unsubscribe: () => void;
  #lost = 0n;

  constructor(options: FailureTrailOptions) {
    this.#options = options;
    this.#unsubscribe = options.source.subscribe((batch) => {
      this.#lost += batch.droppedLogs;
      for (const { kind } of batch.events) {
        if (kind.case === 'failure') this.#ring.add(this.#enriched(kind.value));
      }
    });
  }

  /** Follows no more; what is remembered stays. */
  close(): void {
    this.#unsubscribe();
  }

  select(filter: FailureFilter): FailureSelection {
    const now = this.#options.wallTime();
    const found = this.#ring.newestFirst().filter((record) => matches(filter, record, now));
    return {
      failures: found.slice(0, filter.limit),
      matching: found.length,
      remembered: this.#ring.size,
      forgotten: this.#ring.forgotten,
      lost: Number(this.#lost),
    };
  }

  #enriched(failure: Failure): FailureRecord {
    const target = this.#targetOf(failure);
    const labels = failure.endpoint && target?.endpointLabels(hostPort(failure.endpoint));
    return recordOf(failure, {
      target,
      route: this.#options.targets.routeInfo(failure.routeId),
      labels: labels ?? target?.labels,
      endpoints: wantsPicture(failure.reason) ? this.#options.pictures.of(failure.targetId) : undefined,
    });
  }

  /** Without a target of its own the failure is counted to the one its destination has. */
  #targetOf({ targetId, direction, originalDestination }: Failure): TargetInfo | undefined {
    const { targets } = this.#options;
    if (targetId !== 0) return targets.targetInfo(targetId);
    return originalDestination && targets.targetAt(directionName(direction), hostPort(originalDestination));
  }
}

function hostPort(address: SocketAddress): HostPort {
  return { ip: formatIp(address.ip), port: address.port };
}
