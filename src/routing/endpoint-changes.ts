// What a new set of endpoints changes in an old one.
import { formatHostPort } from '../core/ip.js';
import type { EndpointDescription } from './route-description.js';

/** By the text of the address. */
export type EndpointsByAddress = ReadonlyMap<string, EndpointDescription>;

export interface EndpointChanges {
  readonly added: readonly EndpointDescription[];
  readonly updated: readonly EndpointDescription[];
  readonly removed: readonly EndpointDescription[];
}

export function byAddress(endpoints: readonly EndpointDescription[]): EndpointsByAddress {
  return new Map(endpoints.map((endpoint) => [formatHostPort(endpoint.address), endpoint]));
}

export function changesBetween(before: EndpointsByAddress, after: EndpointsByAddress): EndpointChanges {
  const added: EndpointDescription[] = [];
  const updated: EndpointDescription[] = [];
  for (const [key, endpoint] of after) {
    const known = before.get(key);
    if (known === undefined) added.push(endpoint);
    else if (known !== endpoint && contentOf(known) !== contentOf(endpoint)) updated.push(endpoint);
  }
  return { added, updated, removed: [...before].flatMap(([key, gone]) => (after.has(key) ? [] : [gone])) };
}

/** All but the address; equal texts mean equal endpoints. */
export function contentOf(endpoint: EndpointDescription): string {
  const { weight, labels, takesOrigProto, authorityOverride, http2Keepalive } = endpoint;
  return JSON.stringify([weight, labels, takesOrigProto, authorityOverride, http2Keepalive]);
}
