// Errors of launching that are thrown: what could not be foreseen when the workload was prepared.

/** The command could not be started although everything was checked before. */
export class WorkloadStartError extends Error {
  override readonly name = 'WorkloadStartError';
}
