// Makes the endpoints of a service of the updates of Destination.Get (reference, proxy behaviour §5,
// rules 8 to 10). Updates change the set bit by bit; a new stream begins with the whole set, so its
// first addition replaces what an earlier stream had told, which is used until then.
import { isDeepStrictEqual } from 'node:util';

import type { AddrSet, Update, WeightedAddrSet } from '../api/gen/destination_pb.js';
import { toHostPort } from '../api/net-values.js';
import type { EndpointSet } from './control-plane.js';
import { endpointKey, type MeshEndpoint, meshEndpoint } from './mesh-endpoint.js';
import type { Fold } from './watch-stream.js';

export class EndpointUpdates implements Fold<Update, EndpointSet> {
  #endpoints: EndpointSet | undefined;
  /** Nothing that counts has come on this stream. */
  #initial = true;

  opened(): void {
    this.#initial = true;
  }

  /** Undefined when the endpoints are as they were. */
  message({ update }: Update): EndpointSet | undefined {
    switch (update.case) {
      case 'add':
        return this.#add(update.value);
      case 'remove':
        return this.#remove(update.value);
      case 'noEndpoints':
        this.#initial = false;
        return this.#replace(new Map());
      case undefined:
        return undefined;
    }
  }

  #add({ addrs, metricLabels }: WeightedAddrSet): EndpointSet | undefined {
    const added = addrs
      .map((address) => meshEndpoint(address, metricLabels))
      .filter((endpoint) => endpoint !== undefined);
    if (added.length === 0) return undefined;
    const before = this.#endpoints ?? new Map<string, MeshEndpoint>();
    const next = new Map(this.#initial ? [] : before);
    this.#initial = false;
    for (const endpoint of added) {
      const key = endpointKey(endpoint);
      const known = before.get(key);
      // Equal endpoints stay the same object, so that nobody need compare them again.
      next.set(key, known !== undefined && isDeepStrictEqual(known, endpoint) ? known : endpoint);
    }
    return this.#replace(next);
  }

  #remove({ addrs }: AddrSet): EndpointSet | undefined {
    // A new stream has told nothing yet that it could take back.
    if (this.#initial || this.#endpoints === undefined) return undefined;
    const next = new Map(this.#endpoints);
    for (const message of addrs) {
      const address = toHostPort(message);
      if (address !== undefined) next.delete(endpointKey({ address }));
    }
    return this.#replace(next);
  }

  #replace(next: EndpointSet): EndpointSet | undefined {
    if (this.#endpoints !== undefined && sameEndpoints(this.#endpoints, next)) return undefined;
    this.#endpoints = next;
    return next;
  }
}

function sameEndpoints(one: EndpointSet, other: EndpointSet): boolean {
  if (one.size !== other.size) return false;
  for (const [key, endpoint] of one) if (other.get(key) !== endpoint) return false;
  return true;
}
