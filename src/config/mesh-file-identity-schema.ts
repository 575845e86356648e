// The shape of `identity`, key by key. Tokens stand in files or variables of the environment, so that a
// mesh file has no secret in it and may be shown to anybody.
import * as v from 'valibot';

import { duration, hostName, list, section, textOf } from './mesh-file-values.js';

/** Proxies ask again at 70 % of it, and wait ten seconds after a failure: shorter would be a storm. */
const SHORTEST_LIFETIME_MS = 60_000;

const workload = v.pipe(
  section({
    // SERVICEACCOUNT.NAMESPACE, or a whole name that ends in the trust domain.
    name: hostName,
    // Relative to the folder of the mesh file.
    tokenFile: v.optional(textOf('the path of a file', (text) => (text === '' ? undefined : text))),
    tokenVariable: v.optional(
      textOf('the name of an environment variable such as WEB_TOKEN', (text) =>
        /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? text : undefined,
      ),
    ),
  }),
  v.check(
    ({ tokenFile, tokenVariable }) => (tokenFile === undefined) !== (tokenVariable === undefined),
    'needs exactly one of tokenFile and tokenVariable',
  ),
);

export const identity = section({
  trustDomain: v.optional(hostName),
  lifetime: v.optional(
    v.pipe(
      duration(1),
      v.check((ms) => ms >= SHORTEST_LIFETIME_MS, 'must be 1m or longer'),
    ),
  ),
  workloads: v.pipe(list(workload), v.minLength(1, 'needs at least one workload')),
});

export type IdentityInFile = v.InferOutput<typeof identity>;
