// Series as workers define and count them, without workers.
import { create, type MessageInitShape } from '@bufbuild/protobuf';

import {
  type EventBatch,
  EventBatchSchema,
  type Family,
  type LabelsSchema,
} from '../../src/dataplane/gen/contract_pb.js';
import { type Directory } from '../../src/metrics/family-description.js';
import { NO_POLICIES } from '../../src/routing/route-directory.js';
import { type TargetInfo } from '../../src/routing/target-directory.js';

export type LabelsInit = MessageInitShape<typeof LabelsSchema>;

export class FakeSeries {
  readonly #workers: BigUint64Array[];
  readonly #used: number[];
  readonly #listeners = new Set<(batch: EventBatch) => void>();

  constructor(workers: number) {
    this.#workers = Array.from({ length: workers }, () => new BigUint64Array(4096));
    this.#used = new Array<number>(workers).fill(1);
  }

  scrape(): BigUint64Array[] {
    return this.#workers.map((values, worker) => values.slice(0, this.#used[worker]));
  }

  subscribe(listener: (batch: EventBatch) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  emit(batch: MessageInitShape<typeof EventBatchSchema>): void {
    const message = create(EventBatchSchema, batch);
    for (const listener of this.#listeners) listener(message);
  }

  /** Answers how to set the values of the series. */
  define(worker: number, family: Family, labels: LabelsInit, width = 1): (...values: bigint[]) => void {
    const offset = this.#used[worker] ?? 0;
    this.#used[worker] = offset + width;
    this.emit({
      events: [{ kind: { case: 'seriesDefined', value: { worker, offset, width, family, labels } } }],
    });
    return (...values) => {
      values.forEach((value, i) => {
        const cells = this.#workers[worker];
        if (cells !== undefined) cells[offset + i] = value;
      });
    };
  }
}

/** A directory that knows the targets given, and no route and no policy. */
export function directoryOf(...targets: readonly TargetInfo[]): Directory {
  return {
    ...NO_POLICIES,
    targetInfo: (id) => targets.find((target) => target.id === id),
    routeInfo: () => undefined,
    backendInfo: () => undefined,
  };
}

export function aTarget(id: number, authority: string, labels: TargetInfo['labels'] = {}): TargetInfo {
  return { id, authority, labels, endpointLabels: () => labels, removedEndpoints: () => [] };
}
