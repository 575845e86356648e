// The state of the balancers at the moment of a scrape: endpoints that are ready and that are not, and
// requests in the queue. Read from the workers; when they do not answer in time the page goes without.
import { CommandRefusedError } from '../dataplane/dataplane.js';
import { EndpointState, type Inspection } from '../dataplane/gen/contract_pb.js';
import type { ResourceInfo } from '../routing/route-directory.js';
import type { TargetDirectory, TargetInfo } from '../routing/target-directory.js';
import { splitHostPort } from '../core/ip.js';
import type { FamilySamples, Sample } from './data-plane-collector.js';
import { resourceText } from './route-labels.js';

export interface BalancerSource {
  /** Throws CommandRefusedError when the workers do not answer. */
  inspect(): Inspection;
}

const ENDPOINTS = 'outbound_http_balancer_endpoints';
const QUEUE = 'outbound_http_balancer_queue_length';

export class BalancerGauges {
  readonly #source: BalancerSource;
  readonly #targets: TargetDirectory;

  constructor(source: BalancerSource, targets: TargetDirectory) {
    this.#source = source;
    this.#targets = targets;
  }

  collect(): FamilySamples[] {
    const endpoints: Sample[] = [];
    const queues: Sample[] = [];
    for (const { id, endpoints: inspected, waiting } of this.#inspect()?.targets ?? []) {
      const info = this.#targets.targetInfo(id);
      // What is merely forwarded is not balanced.
      if (info === undefined || info.authority === '') continue;
      const labels = resourceText('backend', resourceOf(info));
      const ready = inspected.filter(({ state }) => state === EndpointState.ENDPOINT_READY).length;
      for (const [state, value] of [
        ['ready', ready],
        ['pending', inspected.length - ready],
      ] as const) {
        endpoints.push({ metricName: ENDPOINTS, labels: { endpoint_state: state, ...labels }, value });
      }
      queues.push({ metricName: QUEUE, labels, value: waiting });
    }
    return [
      { name: ENDPOINTS, help: 'Endpoints of balancers, by whether they take requests.', values: endpoints },
      { name: QUEUE, help: 'Requests that wait for an endpoint.', values: queues },
    ].flatMap((family) => (family.values.length === 0 ? [] : [{ ...family, type: 'gauge' as const }]));
  }

  #inspect(): Inspection | undefined {
    try {
      return this.#source.inspect();
    } catch (error) {
      if (error instanceof CommandRefusedError) return undefined;
      throw error;
    }
  }
}

/** A service of the mesh file, or a name of the name system, which is no resource of a kind. */
function resourceOf({ authority, labels }: TargetInfo): ResourceInfo {
  const { host, port = '' } = splitHostPort(authority);
  const isService = labels['service'] !== undefined;
  return {
    group: isService ? 'core' : '',
    kind: isService ? 'Service' : 'default',
    namespace: '',
    name: host,
    port,
    section: '',
  };
}
