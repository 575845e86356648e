// From `identity` as a mesh file writes it to its configuration: short names made whole, defaults filled
// in. The checks run over files that also have malformed values, as those of mesh-file-checks.ts.
import { DEFAULT_IDENTITY_LIFETIME_MS, DEFAULT_TRUST_DOMAIN } from './defaults.js';
import type { IdentityConfig } from './identity-config.js';
import type { IdentityInFile } from './mesh-file-identity-schema.js';
import { checkRepeats, type Complaints, field, itemsOf } from './mesh-file-tree.js';

export function buildIdentity(written: IdentityInFile | undefined): IdentityConfig | undefined {
  if (written === undefined) return undefined;
  const { trustDomain = DEFAULT_TRUST_DOMAIN } = written;
  return {
    trustDomain,
    lifetimeMs: written.lifetime ?? DEFAULT_IDENTITY_LIFETIME_MS,
    workloads: written.workloads.map(({ name, tokenFile, tokenVariable }) => ({
      identity: wholeIdentity(name, trustDomain),
      token:
        tokenFile === undefined
          ? { kind: 'variable', name: tokenVariable ?? '' }
          : { kind: 'file', path: tokenFile },
    })),
  };
}

export function checkIdentity(file: unknown, complaints: Complaints): void {
  const identity = field(file, 'identity');
  const written = field(identity, 'trustDomain');
  const trustDomain = typeof written === 'string' ? written : DEFAULT_TRUST_DOMAIN;
  const names = itemsOf(field(identity, 'workloads')).flatMap(([index, workload]) => {
    const name = field(workload, 'name');
    return typeof name === 'string'
      ? [{ key: wholeIdentity(name, trustDomain), path: ['identity', 'workloads', index, 'name'] }]
      : [];
  });
  checkRepeats(names, 'workload', complaints);
  for (const { key, path } of names) {
    if (key.endsWith(`.${trustDomain}`)) continue;
    complaints.report(path, `must be SERVICEACCOUNT.NAMESPACE, or a name that ends in .${trustDomain}`);
  }
}

/** Two labels are a service account and its namespace, as in a cluster (reference, control plane §5). */
function wholeIdentity(name: string, trustDomain: string): string {
  return name.split('.').length === 2 ? `${name}.serviceaccount.identity.linkerd.${trustDomain}` : name;
}
