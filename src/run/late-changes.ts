// Most edits of a mesh file take effect at once. These do not: they were given to the kernel, to the
// command or to the data plane when the run started.
import { isDeepStrictEqual } from 'node:util';

import { type MeshConfig } from '../config/mesh-config.js';

/** Time-outs that are settings of the whole data plane, not of a target or destination. */
const FIXED_TIMEOUTS = [
  'keepaliveMs',
  'userTimeoutMs',
  'halfCloseMs',
  'discoveryMs',
  'requestHeadMs',
  'clientIdleMs',
] as const;

/** Names and virtual addresses, as they stand in the hosts file of the command. */
function namesOf(config: MeshConfig): readonly (readonly [string, readonly string[]])[] {
  return config.services
    .flatMap(({ addresses, names }) => addresses.map((ip) => [ip, [...names].sort()] as const))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Keys of the mesh file whose present value is used from the next start on. */
export function changesForNextStart(started: MeshConfig, present: MeshConfig): string[] {
  const keys: string[] = [];
  if (!isDeepStrictEqual(started.skip, present.skip)) keys.push('skip');
  if (!isDeepStrictEqual(namesOf(started), namesOf(present))) {
    keys.push('services (names and addresses that the command resolves by itself)');
  }
  if (!isDeepStrictEqual(started.admin.address, present.admin.address)) keys.push('admin.address');
  if (!isDeepStrictEqual(started.http2Keepalive, present.http2Keepalive)) keys.push('http2Keepalive');
  for (const key of FIXED_TIMEOUTS) {
    if (started.timeouts[key] !== present.timeouts[key]) keys.push(`timeouts.${key.replace(/Ms$/, '')}`);
  }
  return keys;
}
