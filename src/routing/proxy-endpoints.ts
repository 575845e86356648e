// Endpoints of the control plane as endpoints of the data plane (reference §4.14). Equal messages give
// the same object, so that a set of thousands in which one has changed is compared quickly.
import type { MeshEndpoint } from '../control/mesh-endpoint.js';
import type { IpAddress } from '../core/ip.js';
import type { EndpointDescription } from './route-description.js';

/** Weights of endpoints play no part in balancing (reference §4.12). */
const EQUAL_WEIGHT = 1;
/** What the data plane takes: a name of RFC 1035 §2.3.4 and a port. */
const LONGEST_AUTHORITY = 259;
/** The border counts milliseconds in 31 bits. */
const LONGEST_MS = 2 ** 31 - 1;

export class ProxyEndpoints {
  readonly #ownAddresses: ReadonlySet<IpAddress>;
  readonly #described = new WeakMap<MeshEndpoint, EndpointDescription>();

  /** `ownAddresses`: those of the workload itself, which is spoken to as if it had no proxy. */
  constructor(ownAddresses: ReadonlySet<IpAddress>) {
    this.#ownAddresses = ownAddresses;
  }

  /** Those that can be dialled. */
  describeAll(endpoints: Iterable<MeshEndpoint>): readonly EndpointDescription[] {
    const described: EndpointDescription[] = [];
    // A port of 0 is a slip of the controller; the data plane would refuse the whole update for it.
    for (const endpoint of endpoints) if (endpoint.address.port > 0) described.push(this.#describe(endpoint));
    return described;
  }

  #describe(endpoint: MeshEndpoint): EndpointDescription {
    let described = this.#described.get(endpoint);
    if (described === undefined) {
      described = describe(endpoint, this.#ownAddresses.has(endpoint.address.ip));
      this.#described.set(endpoint, described);
    }
    return described;
  }
}

function describe({ address, labels, ...hints }: MeshEndpoint, isSelf: boolean): EndpointDescription {
  const { hint, authorityOverride, keepalive } = hints;
  const usable = authorityOverride !== undefined && authorityOverride.length <= LONGEST_AUTHORITY;
  return {
    address,
    weight: EQUAL_WEIGHT,
    labels,
    ...(!isSelf && hint === 'h2' ? { takesOrigProto: true } : {}),
    ...(!isSelf && usable ? { authorityOverride: authorityOverride.toLowerCase() } : {}),
    ...(keepalive !== undefined && isDuration(keepalive.intervalMs) && isDuration(keepalive.timeoutMs)
      ? { http2Keepalive: keepalive }
      : {}),
  };
}

function isDuration(ms: number): boolean {
  return ms >= 1 && ms <= LONGEST_MS;
}
