// How RPCs end: the codes of gRPC by name, and after which of them each kind of stream is not asked
// again (reference, wire API §2, proxy behaviour §12.3).

/** gRPC core, status codes. */
export const RPC_CODE = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export interface RpcStatus {
  readonly code: number;
  readonly message: string;
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(RPC_CODE).map(([name, code]) => [code, name.charAt(0).toUpperCase() + name.slice(1)]),
);

/** `InvalidArgument`; the number of a code that gRPC does not know. */
export function rpcCodeName(code: number): string {
  return NAMES.get(code) ?? String(code);
}

/** `Unavailable: connection lost`. */
export function rpcStatusText({ code, message }: RpcStatus): string {
  return message === '' ? rpcCodeName(code) : `${rpcCodeName(code)}: ${message}`;
}

export type TerminalCodes = ReadonlySet<number>;

/** The question itself is wrong: Get, GetProfile and WatchPort. */
export const WRONG_QUESTION: TerminalCodes = new Set([RPC_CODE.invalidArgument, RPC_CODE.failedPrecondition]);

/** Or the controller has no policy for it, or knows no such policies: outbound Watch. */
export const WRONG_OR_UNKNOWN: TerminalCodes = new Set([
  ...WRONG_QUESTION,
  RPC_CODE.notFound,
  RPC_CODE.unimplemented,
]);

/** Codes that count as failures of the controller (reference, proxy behaviour §4.11). */
const FAILURES: ReadonlySet<number> = new Set([
  RPC_CODE.unknown,
  RPC_CODE.deadlineExceeded,
  RPC_CODE.permissionDenied,
  RPC_CODE.internal,
  RPC_CODE.unavailable,
  RPC_CODE.dataLoss,
]);

export function rpcClassification(code: number): 'success' | 'failure' {
  return FAILURES.has(code) ? 'failure' : 'success';
}
