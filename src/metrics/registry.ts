// The metrics page: the families of the data plane, then facts of the process, in the Prometheus
// text format 0.0.4. prom-client does the text (order, escaping, numbers) and knows the process; it
// is loaded with the first page, because most runs end without one.
import { type Metric, type Registry } from 'prom-client';

import { type FamilySamples } from './data-plane-collector.js';
import { collectProcess, type ProcessFacts } from './process-metrics.js';

/** Shown as labels of `proxy_build_info`. */
export type BuildInfo = Readonly<Record<string, string>>;

export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

export interface Collector {
  collect(): FamilySamples[];
}

/** What prom-client asks of a metric when it renders a page. */
class RenderedFamily {
  readonly name: string;
  readonly #samples: FamilySamples;

  constructor(samples: FamilySamples) {
    this.name = samples.name;
    this.#samples = samples;
  }

  get(): Promise<FamilySamples & { aggregator: 'sum' }> {
    return Promise.resolve({ ...this.#samples, aggregator: 'sum' });
  }
}

export class MetricsRegistry {
  readonly #collectors: readonly Collector[];
  readonly #buildInfo: BuildInfo;
  readonly #facts: ProcessFacts;
  #client: Promise<{ Registry: new () => Registry; process: Registry }> | undefined;

  constructor(collectors: readonly Collector[], buildInfo: BuildInfo, facts: ProcessFacts) {
    this.#collectors = collectors;
    this.#buildInfo = buildInfo;
    this.#facts = facts;
  }

  async #load(): Promise<{ Registry: new () => Registry; process: Registry }> {
    const { default: client } = await import('prom-client');
    const process = new client.Registry();
    client.collectDefaultMetrics({ register: process });
    return { Registry: client.Registry, process };
  }

  async render(): Promise<MetricsPage> {
    const client = await (this.#client ??= this.#load());
    const page = new client.Registry();
    const own: FamilySamples = {
      name: 'proxy_build_info',
      help: 'What this proxy was built from; always 1.',
      type: 'gauge',
      values: [{ metricName: 'proxy_build_info', labels: this.#buildInfo, value: 1 }],
    };
    const collected = this.#collectors.flatMap((collector) => collector.collect());
    for (const family of [...collected, ...collectProcess(this.#facts), own]) {
      // The declared type is a union of prom-client's classes; rendering needs `name` and `get()`.
      page.registerMetric(new RenderedFamily(family) as unknown as Metric);
    }
    const texts = [await page.metrics(), await client.process.metrics()];
    // prom-client writes `Nan` for what it has not measured yet; the format knows `NaN`.
    return { contentType: page.contentType, text: texts.join('\n').replaceAll(/ Nan$/gm, ' NaN') };
  }
}
