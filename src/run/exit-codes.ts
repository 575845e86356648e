// Exit codes of sluice: those of sysexits(3) for its own ends, and the shell's conventions for the
// ends of the command it runs.

/** Usage or configuration is wrong; nothing was started. */
export const EX_USAGE = 64;
/** Something needed is missing or busy: a port, the data plane, eBPF when it is required. */
export const EX_UNAVAILABLE = 69;
/** A bug, or a part of the proxy that failed while running. */
export const EX_SOFTWARE = 70;
/** The system refused something that it was asked for. */
export const EX_OSERR = 71;

/** What a shell reports for a process that a signal ended: 128 and the number of the signal. */
export function signalExitCode(signalNumber: number): number {
  return 128 + signalNumber;
}
