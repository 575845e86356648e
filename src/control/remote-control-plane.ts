// Linkerd's destination and policy controllers as a control plane (reference, proxy behaviour §12.2):
// which question is asked of whom, with which fields, and how its stream is kept.
import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';

import { Destination, type DestinationProfile } from '../api/gen/destination_pb.js';
import { InboundServerPolicies, type Server } from '../api/gen/inbound_pb.js';
import { OutboundPolicies, type OutboundPolicy } from '../api/gen/outbound_pb.js';
import { fromHostPort } from '../api/net-values.js';
import type { Clock } from '../core/clock.js';
import { formatHostPort } from '../core/ip.js';
import type { Logger } from '../core/logger.js';
import type { ControlPlane, EndpointSet, OutboundTarget, StreamWatch } from './control-plane.js';
import { type ControllerSettings, streamLimits } from './controller-address.js';
import { type AskMethod, type ControllerTransport, rpcPath } from './controller-transport.js';
import { EndpointUpdates } from './endpoint-updates.js';
import { WRONG_OR_UNKNOWN, WRONG_QUESTION } from './rpc-status.js';
import { type Fold, type StreamKind, WatchStream } from './watch-stream.js';

export interface RemoteController {
  readonly transport: ControllerTransport;
  readonly settings: ControllerSettings;
}

export interface RemoteControlPlaneOptions {
  readonly destination: RemoteController;
  readonly policy: RemoteController;
  /** Sent with questions to the destination controller, as it is. */
  readonly contextToken: string;
  /** Sent with questions to the policy controller, as it is. */
  readonly workload: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: (() => number) | undefined;
}

/** Of streams whose every message is the whole answer. */
const WHOLE = { terminalForgets: false, resumesAtOnce: true, incremental: false } as const;

const ENDPOINTS: StreamKind = {
  name: 'Destination/Get',
  terminal: WRONG_QUESTION,
  terminalForgets: true,
  resumesAtOnce: false,
  incremental: true,
};
const PROFILE: StreamKind = { ...WHOLE, name: 'Destination/GetProfile', terminal: WRONG_QUESTION };
const INBOUND: StreamKind = { ...WHOLE, name: 'InboundServerPolicies/WatchPort', terminal: WRONG_QUESTION };
const OUTBOUND: StreamKind = { ...WHOLE, name: 'OutboundPolicies/Watch', terminal: WRONG_OR_UNKNOWN };

interface Question<Input extends DescMessage, Output extends DescMessage> {
  readonly kind: StreamKind;
  readonly method: AskMethod<Input, Output>;
  readonly request: MessageInitShape<Input>;
  readonly subject: string;
}

export class RemoteControlPlane implements ControlPlane {
  readonly #options: RemoteControlPlaneOptions;

  /** Nothing is asked yet. The transports are started and closed by whoever made them. */
  constructor(options: RemoteControlPlaneOptions) {
    this.#options = options;
  }

  endpoints(path: string): StreamWatch<EndpointSet> {
    const { destination, contextToken } = this.#options;
    const request = { path, contextToken };
    return this.#watch(
      destination,
      { kind: ENDPOINTS, method: Destination.method.get, request, subject: path },
      new EndpointUpdates(),
    );
  }

  profile(path: string): StreamWatch<DestinationProfile> {
    const { destination, contextToken } = this.#options;
    const request = { path, contextToken };
    return this.#watch(
      destination,
      { kind: PROFILE, method: Destination.method.getProfile, request, subject: path },
      latest(),
    );
  }

  outboundPolicy(target: OutboundTarget): StreamWatch<OutboundPolicy> {
    const { policy, workload } = this.#options;
    const byAddress = target.kind === 'address';
    return this.#watch(
      policy,
      {
        kind: OUTBOUND,
        method: OutboundPolicies.method.watch,
        request: {
          sourceWorkload: workload,
          target: byAddress
            ? { case: 'addr', value: fromHostPort(target.address) }
            : { case: 'authority', value: target.authority },
        },
        subject: byAddress ? formatHostPort(target.address) : target.authority,
      },
      latest(),
    );
  }

  inboundPolicy(port: number): StreamWatch<Server> {
    const { policy, workload } = this.#options;
    const request = { workload, port };
    return this.#watch(
      policy,
      { kind: INBOUND, method: InboundServerPolicies.method.watchPort, request, subject: String(port) },
      latest(),
    );
  }

  #watch<Input extends DescMessage, Output extends DescMessage, T>(
    { transport, settings }: RemoteController,
    { kind, method, request, subject }: Question<Input, Output>,
    fold: Fold<MessageShape<Output>, T>,
  ): StreamWatch<T> {
    const { clock, logger, random } = this.#options;
    return new WatchStream({
      kind,
      question: { path: rpcPath(method), request: toBinary(method.input, create(method.input, request)) },
      subject,
      output: method.output,
      fold,
      transport,
      limits: streamLimits(settings),
      backoff: settings.connect.backoff,
      clock,
      logger,
      random,
    });
  }
}

function latest<Message>(): Fold<Message, Message> {
  return { opened: () => undefined, message: (message) => message };
}
