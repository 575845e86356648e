// Follows the series that the workers define and, at a scrape, sums their values over the workers
// by label text. The text of a series is fixed when it is defined and the workers never forget a
// series, so no counter ever goes back, whatever becomes of its target.
import { type EventBatch, type SeriesDefined } from '../dataplane/gen/contract_pb.js';
import { describeSeries, FAMILY_ORDER } from './families.js';
import { type Directory, type FamilyDescription, type LabelText } from './family-description.js';
import { labelText } from './labels.js';

/** The part of the data plane that is needed here. */
export interface SeriesSource {
  /** The counters of every worker, in the order of workers. */
  scrape(): readonly BigUint64Array[];
  subscribe(listener: (batch: EventBatch) => void): () => void;
}

export interface Sample {
  /** Of a histogram: with `_bucket`, `_sum` or `_count` after the name of its family. */
  readonly metricName: string;
  readonly labels: LabelText;
  readonly value: number;
}

export interface FamilySamples {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyDescription['type'];
  readonly values: readonly Sample[];
}

/** Series of all workers with the same label text. */
interface Series {
  readonly labels: LabelText;
  readonly width: number;
  readonly parts: { readonly worker: number; readonly offset: number }[];
}

/** The data plane and this build disagree on the shape of a family: a bug on one of the sides. */
export class SeriesShapeError extends Error {
  override readonly name = 'SeriesShapeError';
}

export class DataPlaneCollector {
  readonly #source: SeriesSource;
  readonly #directory: Directory;
  readonly #series = new Map<FamilyDescription, Map<string, Series>>();
  readonly #unsubscribe: () => void;
  #droppedLogs = 0n;

  constructor(source: SeriesSource, directory: Directory) {
    this.#source = source;
    this.#directory = directory;
    this.#unsubscribe = source.subscribe((batch) => {
      this.#droppedLogs += batch.droppedLogs;
      for (const event of batch.events) {
        if (event.kind.case === 'seriesDefined') this.#define(event.kind.value);
      }
    });
  }

  /** Follows no more definitions. */
  close(): void {
    this.#unsubscribe();
  }

  #define(defined: SeriesDefined): void {
    const { labels } = defined;
    const families = labels && describeSeries(defined.family, labels, this.#directory);
    if (labels === undefined || families === undefined) {
      throw new SeriesShapeError(`a series of family ${defined.family} cannot be described`);
    }
    for (const family of families) {
      const text =
        family.labels?.(labels, this.#directory) ?? labelText(defined.family, labels, this.#directory);
      this.#add(family, text, defined);
    }
  }

  #add(family: FamilyDescription, labels: LabelText, { worker, offset, width }: SeriesDefined): void {
    const expected = family.type === 'histogram' ? family.bounds.length + 2 : 1;
    if (width !== expected) {
      throw new SeriesShapeError(`${family.name}: a series has width ${width}, not ${expected}`);
    }
    let ofFamily = this.#series.get(family);
    if (ofFamily === undefined) this.#series.set(family, (ofFamily = new Map<string, Series>()));
    const key = JSON.stringify(labels);
    let series = ofFamily.get(key);
    if (series === undefined) ofFamily.set(key, (series = { labels, width: expected, parts: [] }));
    series.parts.push({ worker, offset });
  }

  /** A moment's values of the families that have any, in the order of the page. */
  collect(): FamilySamples[] {
    const workers = this.#source.scrape();
    const families: FamilySamples[] = [];
    for (const family of FAMILY_ORDER) {
      const ofFamily = this.#series.get(family);
      if (ofFamily === undefined) continue;
      const values: Sample[] = [];
      for (const series of ofFamily.values()) appendSamples(values, family, series, sumOver(series, workers));
      families.push({ name: family.name, help: family.help, type: family.type, values });
    }
    families.push({
      name: 'sluice_log_lines_dropped_total',
      help: 'Log lines of the data plane lost because they came too fast.',
      type: 'counter',
      values: [
        { metricName: 'sluice_log_lines_dropped_total', labels: {}, value: Number(this.#droppedLogs) },
      ],
    });
    return families;
  }
}

function sumOver(series: Series, workers: readonly BigUint64Array[]): bigint[] {
  const sums = new Array<bigint>(series.width).fill(0n);
  for (const { worker, offset } of series.parts) {
    const values = workers[worker];
    for (let i = 0; i < series.width; i++) sums[i] = (sums[i] ?? 0n) + (values?.[offset + i] ?? 0n);
  }
  return sums;
}

function appendSamples(
  values: Sample[],
  family: FamilyDescription,
  { labels }: Series,
  sums: readonly bigint[],
): void {
  if (family.type !== 'histogram') {
    // A gauge of one worker may be negative (two's complement): a connection can be handed over.
    const sum = sums[0] ?? 0n;
    values.push({
      metricName: family.name,
      labels,
      value: Number(family.type === 'gauge' ? BigInt.asIntN(64, sum) : BigInt.asUintN(64, sum)),
    });
    return;
  }
  let cumulative = 0n;
  for (const [i, bound] of [...family.bounds, '+Inf'].entries()) {
    cumulative += sums[i] ?? 0n;
    values.push({
      metricName: `${family.name}_bucket`,
      labels: { ...labels, le: typeof bound === 'number' ? String(bound / family.unit) : bound },
      value: Number(cumulative),
    });
  }
  // Counts and sum are read while workers count, so the count is made of the very buckets shown.
  values.push({ metricName: `${family.name}_count`, labels, value: Number(cumulative) });
  values.push({
    metricName: `${family.name}_sum`,
    labels,
    value: Number(sums[family.bounds.length + 1] ?? 0n) / family.unit,
  });
}
