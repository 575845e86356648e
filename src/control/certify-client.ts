// Asks the identity controller for one certificate (reference, proxy behaviour §6.1). Each question
// has a client of its own: names are looked up and connections made anew, so that one that went wrong
// does not harm the next.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';

import {
  CertifyRequestSchema,
  type CertifyResponse,
  CertifyResponseSchema,
  Identity,
} from '../api/gen/identity_pb.js';
import { failure, type Result, success } from '../core/result.js';
import { type ControllerTransport, rpcPath } from './controller-transport.js';
import { RPC_CODE, type RpcStatus } from './rpc-status.js';

export interface SigningQuestion {
  readonly identity: string;
  readonly token: Uint8Array;
  /** PKCS#10, DER. */
  readonly certificateSigningRequest: Uint8Array;
}

export interface CertifyClient {
  /** Never rejects; `signal` ends it with Cancelled and the message of its reason. */
  certify(question: SigningQuestion, signal: AbortSignal): Promise<Result<CertifyResponse, RpcStatus>>;
}

/** What is started and closed around one question; a ControllerChannel is one. */
export interface ClosableTransport extends ControllerTransport {
  start(): void;
  close(): void;
}

export class RemoteCertifyClient implements CertifyClient {
  readonly #connect: () => ClosableTransport;

  /** `connect` makes a transport of its own for each question. */
  constructor(connect: () => ClosableTransport) {
    this.#connect = connect;
  }

  async certify(question: SigningQuestion, signal: AbortSignal): Promise<Result<CertifyResponse, RpcStatus>> {
    const transport = this.#connect();
    transport.start();
    try {
      return await ask(transport, question, signal);
    } finally {
      transport.close();
    }
  }
}

function ask(
  transport: ControllerTransport,
  question: SigningQuestion,
  signal: AbortSignal,
): Promise<Result<CertifyResponse, RpcStatus>> {
  return new Promise((resolve) => {
    let answer: Uint8Array | undefined;
    const onAbort = (): void => {
      rpc.cancel('unwanted');
      const message = signal.reason instanceof Error ? signal.reason.message : 'given up';
      resolve(failure({ code: RPC_CODE.cancelled, message }));
    };
    const request = toBinary(CertifyRequestSchema, create(CertifyRequestSchema, question));
    const rpc = transport.ask(
      { path: rpcPath(Identity.method.certify), request },
      {
        sent: () => undefined,
        message: (bytes) => {
          answer ??= bytes;
        },
        end: (status) => {
          signal.removeEventListener('abort', onAbort);
          resolve(status.code === RPC_CODE.ok ? decode(answer) : failure(status));
        },
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function decode(bytes: Uint8Array | undefined): Result<CertifyResponse, RpcStatus> {
  if (bytes === undefined) return failure({ code: RPC_CODE.internal, message: 'the response is empty' });
  try {
    return success(fromBinary(CertifyResponseSchema, bytes));
  } catch {
    return failure({ code: RPC_CODE.internal, message: 'the response cannot be decoded' });
  }
}
