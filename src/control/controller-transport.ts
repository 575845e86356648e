// How questions reach a controller, apart from what they are: one request, then messages until a
// status, all as bytes. The real one is controller-channel.ts; tests put others in its place.
import type { DescMessage, DescMethodServerStreaming, DescMethodUnary } from '@bufbuild/protobuf';

import type { RpcStatus } from './rpc-status.js';

export type AskMethod<Input extends DescMessage, Output extends DescMessage> =
  DescMethodServerStreaming<Input, Output> | DescMethodUnary<Input, Output>;

export interface RpcQuestion {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Uint8Array;
}

export interface RpcListener {
  /** The question went out on a connection. */
  sent(): void;
  message(bytes: Uint8Array): void;
  /** Told once, and not after `cancel`. */
  end(status: RpcStatus): void;
}

export interface OpenRpc {
  /**
   * Nothing is told after this. `silent`: it had no answer for too long, so that another endpoint had
   * better be asked next time.
   */
  cancel(reason: 'unwanted' | 'silent'): void;
}

export interface ControllerTransport {
  /** Tells the listener nothing before it has returned. */
  ask(question: RpcQuestion, listener: RpcListener): OpenRpc;
}

export function rpcPath<Input extends DescMessage, Output extends DescMessage>(
  method: AskMethod<Input, Output>,
): string {
  return `/${method.parent.typeName}/${method.name}`;
}
