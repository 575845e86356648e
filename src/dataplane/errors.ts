// What can go wrong between the control logic and the add-on, besides a refused command
// (CommandRefusedError in dataplane.ts).

/** The add-on is not built, or this system cannot load it. The message says what to do. */
export class AddonUnavailableError extends Error {
  override readonly name = 'AddonUnavailableError';
}

/** The add-on was built from another contract than this control logic. */
export class ContractMismatchError extends Error {
  override readonly name = 'ContractMismatchError';
}

/** A data plane was used after `close`. */
export class DataPlaneClosedError extends Error {
  override readonly name = 'DataPlaneClosedError';

  constructor() {
    super('the data plane is closed');
  }
}

/** The add-on sent bytes that are no message of the contract: a bug, whatever the peer did. */
export class ContractViolationError extends Error {
  override readonly name = 'ContractViolationError';
}
