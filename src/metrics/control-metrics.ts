// What is known of the control plane, under the names of linkerd2-proxy (reference, proxy behaviour
// §8.3, §8.6): RPCs, balancers of controllers, name look-ups and the certificate of this proxy. What
// is not measured here (gates and latency of queues) is left out.
import {
  type ChannelPicture,
  CONTROL_LATENCY_BOUNDS_MS,
  type ControlCounters,
  type ResponseCount,
} from '../control/control-counters.js';
import { type ControllerAddress, controllerText } from '../control/controller-address.js';
import type { CertifierCounts } from '../identity/certifier.js';
import type { FamilySamples, Sample } from './data-plane-collector.js';
import type { FamilyType, LabelText } from './family-description.js';

export interface ControlSource {
  readonly client: 'identity' | 'destination' | 'policy';
  readonly address: ControllerAddress;
  readonly counters: ControlCounters;
  /** Undefined while there is no client. */
  readonly picture: () => ChannelPicture | undefined;
}

/** Collects families of samples in the order they are first added to. */
class Families {
  readonly #families = new Map<string, FamilySamples & { readonly values: Sample[] }>();

  get all(): FamilySamples[] {
    return [...this.#families.values()];
  }

  add(type: FamilyType, name: string, help: string, labels: LabelText, value: number): void {
    this.samples(type, name, help).push({ metricName: name, labels, value });
  }

  samples(type: FamilyType, name: string, help: string): Sample[] {
    let family = this.#families.get(name);
    if (family === undefined) this.#families.set(name, (family = { name, help, type, values: [] }));
    return family.values;
  }
}

export class ControlMetrics {
  readonly #sources: readonly ControlSource[];
  readonly #certificate: (() => CertifierCounts) | undefined;

  /** `certificate`: undefined where this proxy has no identity. */
  constructor(sources: readonly ControlSource[], certificate?: () => CertifierCounts) {
    this.#sources = sources;
    this.#certificate = certificate;
  }

  collect(): FamilySamples[] {
    const families = new Families();
    for (const source of this.#sources) addRequests(families, source);
    for (const source of this.#sources) addBalancer(families, source);
    for (const source of this.#sources) addNames(families, source);
    if (this.#certificate !== undefined) addCertificate(families, this.#certificate());
    return families.all;
  }
}

function addRequests(families: Families, { address, counters }: ControlSource): void {
  // Mesh TLS to controllers elsewhere is not spoken yet.
  const reason = address.loopback ? 'loopback' : 'not_provided_by_service_discovery';
  const labels = { addr: controllerText(address), tls: 'no_identity', no_tls_reason: reason };
  if (counters.requests > 0) {
    families.add('counter', 'control_request_total', 'RPCs sent to controllers.', labels, counters.requests);
  }
  for (const response of counters.responses) {
    families.add(
      'counter',
      'control_response_total',
      'RPCs to controllers that ended, by how they ended.',
      { ...labels, ...responseText(response) },
      response.count,
    );
  }
  for (const [responded, { buckets, sumMs }] of counters.latency) {
    const name = 'control_response_latency_ms';
    const help = 'Milliseconds from an RPC to the first message of its response.';
    const samples = families.samples('histogram', name, help);
    const all = { ...labels, ...statusText(responded) };
    let cumulative = 0;
    for (const [index, bound] of [...CONTROL_LATENCY_BOUNDS_MS, '+Inf'].entries()) {
      cumulative += buckets[index] ?? 0;
      const value = cumulative;
      samples.push({ metricName: `${name}_bucket`, labels: { ...all, le: String(bound) }, value });
    }
    samples.push({ metricName: `${name}_count`, labels: all, value: cumulative });
    samples.push({ metricName: `${name}_sum`, labels: all, value: sumMs });
  }
}

function statusText(responded: boolean): LabelText {
  return responded ? { status_code: '200' } : {};
}

function responseText({ responded, grpcStatus, classification }: ResponseCount): LabelText {
  return {
    ...statusText(responded),
    classification,
    grpc_status: grpcStatus === undefined ? '' : String(grpcStatus),
    error: responded ? '' : 'unclassified',
  };
}

function addBalancer(families: Families, { client, address, counters, picture }: ControlSource): void {
  const prefix = `control_${client}_balancer`;
  const labels = { addr: controllerText(address) };
  const { ready, pending, waiting } = picture() ?? { ready: 0, pending: 0, waiting: 0 };
  const gauge = (name: string, help: string, value: number, more: LabelText = {}): void => {
    families.add('gauge', `${prefix}_${name}`, help, { ...more, ...labels }, value);
  };
  const counter = (name: string, help: string, value: number, more: LabelText = {}): void => {
    families.add('counter', `${prefix}_${name}`, help, { ...more, ...labels }, value);
  };
  gauge('p2c_endpoints', 'Endpoints of the controller.', ready + pending);
  for (const [op, count] of Object.entries(counters.updates)) {
    counter('p2c_updates_total', 'Changes of the endpoints of the controller.', count, { op });
  }
  gauge('queue_length', 'RPCs that wait for an endpoint of the controller.', waiting);
  counter('queue_requests_total', 'RPCs that asked for an endpoint of the controller.', counters.queued);
  const help = 'Endpoints of the controller, by whether they take RPCs.';
  gauge('endpoints', help, ready, { endpoint_state: 'ready' });
  gauge('endpoints', help, pending, { endpoint_state: 'pending' });
}

function addNames(families: Families, { client, counters }: ControlSource): void {
  for (const [recordType, counts] of [
    ['A/AAAA', counters.names.address],
    ['SRV', counters.names.srv],
  ] as const) {
    for (const [result, value] of [
      ['ok', counts.ok],
      ['not_found', counts.notFound],
    ] as const) {
      families.add(
        'counter',
        'control_dns_resolutions_total',
        'Look-ups of names of controllers.',
        { client, record_type: recordType, result },
        value,
      );
    }
  }
}

function addCertificate(families: Families, counts: CertifierCounts): void {
  const prefix = 'control_identity_cert';
  families.add(
    'gauge',
    `${prefix}_expiration_timestamp_seconds`,
    'When the certificate of this proxy ends, in Unix time; 0: it has none.',
    {},
    counts.expirationSeconds,
  );
  families.add(
    'gauge',
    `${prefix}_refresh_timestamp_seconds`,
    'When the certificate of this proxy was last renewed, in Unix time; 0: never.',
    {},
    counts.refreshSeconds,
  );
  for (const result of ['ok', 'error'] as const) {
    families.add(
      'counter',
      `${prefix}_refreshes_total`,
      'Certificates that came, by whether they could be put into force.',
      { result },
      counts[result],
    );
  }
}
