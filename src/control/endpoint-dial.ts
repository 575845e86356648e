// One connection to one endpoint with @grpc/grpc-js: dialled once, used until it breaks, never dialled
// again by the library, whose own waits cannot be set as ours. Two of its openings are used to bound
// the dial: the address a resolver answers is given to `net.connect` as it is, so it can carry a
// signal that takes the socket down; and credentials are asked when TCP stands.
import type { Socket } from 'node:net';

import * as grpc from '@grpc/grpc-js';

import { formatHostPort, type HostPort } from '../core/ip.js';
import { GuardedSocket } from './guarded-socket.js';

const SCHEME = 'sluice-endpoint';
const DIAL_OPTION = 'sluice.dial';

/** Longer than a dial may last, so that the library does not dial again before the client is closed. */
const LIBRARY_BACKOFF_MS = 60_000;
const NEVER_IDLE_MS = 2 ** 31 - 1;
/** PINGs while there are RPCs, for peers that are gone without a word. Servers allow one in five minutes. */
const PING_INTERVAL_MS = 360_000;

/** What `net.connect` gets. */
interface DialledAddress extends HostPortOption {
  readonly signal: AbortSignal;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelay: number;
}

interface HostPortOption {
  readonly host: string;
  readonly port: number;
}

/**
 * Answers the one address that the options of its channel carry, once: whenever a connection breaks the
 * library asks again, and would go on asking for as long as it is answered.
 */
class OneAddressResolver implements grpc.experimental.Resolver {
  readonly #address: DialledAddress;
  readonly #listener: grpc.experimental.ResolverListener;
  #answered = false;

  constructor(
    _target: grpc.experimental.GrpcUri,
    listener: grpc.experimental.ResolverListener,
    options: grpc.ChannelOptions,
  ) {
    this.#listener = listener;
    this.#address = options[DIAL_OPTION] as DialledAddress;
  }

  static getDefaultAuthority({ path }: grpc.experimental.GrpcUri): string {
    return path;
  }

  updateResolution(): void {
    if (this.#answered) return;
    this.#answered = true;
    // The library expects the answer after it has returned from asking.
    process.nextTick(() => {
      const endpoints = grpc.experimental.statusOrFromValue([{ addresses: [this.#address] }]);
      this.#listener(endpoints, {}, null, '');
    });
  }

  destroy(): void {
    this.#answered = true;
  }
}

grpc.experimental.registerResolver(SCHEME, OneAddressResolver);

/**
 * Cleartext, and word of when TCP stands. Lets the library dial once: it comes back to a dial that
 * failed even after its client was closed.
 */
class PlaintextCredentials extends grpc.ChannelCredentials {
  readonly #onEstablished: () => void;
  #spent = false;

  constructor(onEstablished: () => void) {
    super();
    this.#onEstablished = onEstablished;
  }

  override _isSecure(): boolean {
    return false;
  }

  override _equals(other: grpc.ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(): grpc.experimental.SecureConnector {
    return {
      connect: (socket) => {
        this.#onEstablished();
        // The library asks of it only what every duplex stream has.
        return Promise.resolve({ socket: new GuardedSocket(socket) as unknown as Socket, secure: false });
      },
      waitForReady: () => {
        if (this.#spent) return Promise.reject(new Error('dialled already'));
        this.#spent = true;
        return Promise.resolve();
      },
      getCallCredentials: () => grpc.CallCredentials.createEmpty(),
      destroy: () => undefined,
    };
  }
}

export interface DialOptions {
  readonly endpoint: HostPort;
  readonly authority: string;
  readonly keepaliveMs: number | undefined;
  /** Takes the socket down, at any time of its life. */
  readonly signal: AbortSignal;
  /** TCP stands; HTTP/2 does not yet. */
  readonly onEstablished: () => void;
}

/** A client that has not begun to dial: its channel is told to by asking for its state. */
export function dialClient({
  endpoint,
  authority,
  keepaliveMs,
  signal,
  onEstablished,
}: DialOptions): grpc.Client {
  const address: DialledAddress = {
    host: endpoint.ip,
    port: endpoint.port,
    signal,
    keepAlive: keepaliveMs !== undefined,
    keepAliveInitialDelay: keepaliveMs ?? 0,
  };
  return new grpc.Client(
    `${SCHEME}:///${formatHostPort(endpoint)}`,
    new PlaintextCredentials(onEstablished),
    {
      [DIAL_OPTION]: address,
      'grpc.default_authority': authority,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      'grpc.initial_reconnect_backoff_ms': LIBRARY_BACKOFF_MS,
      'grpc.max_reconnect_backoff_ms': LIBRARY_BACKOFF_MS,
      'grpc.client_idle_timeout_ms': NEVER_IDLE_MS,
      'grpc.keepalive_time_ms': PING_INTERVAL_MS,
    },
  );
}
