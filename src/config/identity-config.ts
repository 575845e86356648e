// What a mesh file says of who may get a certificate: a part of MeshConfig, every default filled in.
// Used by `sluice controller`; explained for users in docs/configuration.md.

/** Where the secret is that a workload proves itself with; the secret itself is never in here. */
export type TokenSource =
  | { readonly kind: 'file'; readonly path: string }
  /** A variable of the controller's environment. */
  | { readonly kind: 'variable'; readonly name: string };

export interface WorkloadConfig {
  /** The DNS name that its certificates carry; unique in the file. */
  readonly identity: string;
  readonly token: TokenSource;
}

export interface IdentityConfig {
  /** What every identity ends in. */
  readonly trustDomain: string;
  /** How long certificates are good for. */
  readonly lifetimeMs: number;
  readonly workloads: readonly WorkloadConfig[];
}
