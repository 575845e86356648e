// The shape of the add-on (native/addon): bytes of the contract in, bytes of the contract out.
// Used by this folder only; everything else sees the DataPlane interface.

export interface AddonVersions {
  /** Of the contract.proto it was built from. */
  readonly contractHash: string;
  readonly protobuf: string;
  /** Empty where there is no eBPF. */
  readonly libbpf: string;
  /** The copy it resolved at load: node's own. */
  readonly openssl: string;
}

export interface AddonDataPlane {
  /** Bytes of Command in, bytes of CommandResult out. */
  command(bytes: Uint8Array): Uint8Array;
  scrape(worker: number): BigUint64Array;
  workers(): number;
  /** Joins the worker threads. `onEvents` is not called any more. Safe to call again. */
  close(): void;
}

export interface Addon {
  /**
   * `onEvents` gets bytes of EventBatch, at most once per turn of the loop; it does not keep node
   * alive. Throws a RefusedSettings when the settings are refused.
   */
  readonly DataPlane: new (settings: Uint8Array, onEvents: (bytes: Uint8Array) => void) => AddonDataPlane;
  versions(): AddonVersions;
}

/** Thrown by the constructor: an Error with the bytes of CommandError. */
export interface RefusedSettings extends Error {
  readonly commandError: Uint8Array;
}

export function isRefusedSettings(error: unknown): error is RefusedSettings {
  return error instanceof Error && 'commandError' in error && error.commandError instanceof Uint8Array;
}
