// What a control plane answers, and how it is asked: the same for controllers across the network
// and for the embedded one (src/controller). Values are messages of the API as they came; what they
// mean, and whether they are valid, is for src/policy to say.
import type { HostPort } from '../core/ip.js';
import type { ReadonlyWatch } from '../core/watch.js';
import type { DestinationProfile } from '../api/gen/destination_pb.js';
import type { Server } from '../api/gen/inbound_pb.js';
import type { OutboundPolicy } from '../api/gen/outbound_pb.js';
import type { MeshEndpoint } from './mesh-endpoint.js';

export type StreamState<T> =
  /** Nothing has been answered yet. */
  | { readonly kind: 'pending' }
  /** The last answer; it stays while the stream is away. */
  | { readonly kind: 'known'; readonly value: T }
  /** A status after which it is not asked again; a gRPC code. */
  | { readonly kind: 'refused'; readonly code: number; readonly message: string };

/** How a stream is, for explanations. Times are of the monotonic clock, in milliseconds. */
export interface StreamHealth {
  /** Whether a stream is open now. */
  readonly open: boolean;
  /** When that began. */
  readonly sinceMs: number;
  /** When the latest message came; undefined: never. */
  readonly lastMessageMs: number | undefined;
  /** How the latest stream that failed ended; undefined: none has. */
  readonly lastFailure:
    { readonly code: number; readonly message: string; readonly atMs: number } | undefined;
}

/** One question that is kept open; asked anew, with back-off, whenever its stream ends. */
export interface StreamWatch<T> {
  readonly state: ReadonlyWatch<StreamState<T>>;
  readonly health: StreamHealth;
  /** Asks no more; the state stays as it is. */
  close(): void;
}

export type OutboundTarget =
  | { readonly kind: 'address'; readonly address: HostPort }
  /** `name:port`. */
  | { readonly kind: 'authority'; readonly authority: string };

/** Endpoints by the text of their address, `ip:port`. */
export type EndpointSet = ReadonlyMap<string, MeshEndpoint>;

export interface ControlPlane {
  /** Destination.Get; `path` is `name:port`. A service without endpoints may stay pending. */
  endpoints(path: string): StreamWatch<EndpointSet>;
  /** Destination.GetProfile; `path` is `ip:port` or `name:port`. */
  profile(path: string): StreamWatch<DestinationProfile>;
  /** OutboundPolicies.Watch. */
  outboundPolicy(target: OutboundTarget): StreamWatch<OutboundPolicy>;
  /** InboundServerPolicies.WatchPort. */
  inboundPolicy(port: number): StreamWatch<Server>;
}
