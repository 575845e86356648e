// What a question to the controller is answered with, and the gRPC codes it uses.

export type Answer<T> =
  /** Endpoints are still being looked up; an answer follows. */
  { readonly kind: 'pending' } | { readonly kind: 'answer'; readonly value: T } | Refusal;

/** Ends a stream; the client decides by the code whether it asks again. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly code: number;
  readonly message: string;
}

/** https://grpc.io/docs/guides/status-codes/ */
export const StatusCode = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  FAILED_PRECONDITION: 9,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

export function answered<T>(value: T): Answer<T> {
  return { kind: 'answer', value };
}

export function refused(code: number, message: string): Refusal {
  return { kind: 'refusal', code, message };
}
