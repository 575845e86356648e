// The policy of one inbound port: the default one until the control plane has answered, its latest
// answer from then on (reference §3.2). It serves at once and is never waited for.
import { containsPort } from '../core/ports.js';
import type { Logger } from '../core/logger.js';
import type { ControlPlane, StreamWatch } from '../control/control-plane.js';
import { defaultServerPolicy } from '../policy/default-server-policy.js';
import { serverPolicy } from '../policy/read-server-policy.js';
import type { ServerPolicy } from '../policy/server-policy.js';
import { LastAnswer } from './proxy-answers.js';
import type { InboundDestination } from './proxy-inbound-destination.js';
import type { InboundSettings } from './proxy-settings.js';
import type { OpenStream, ProxyStreams } from './proxy-streams.js';

export interface InboundPortNeeds {
  readonly settings: InboundSettings;
  readonly streams: ProxyStreams;
  readonly logger: Logger;
}

type ServerMessage =
  ReturnType<ControlPlane['inboundPolicy']> extends StreamWatch<infer Message> ? Message : never;

export class InboundPort {
  readonly port: number;
  /** It is watched although nobody connects to it. */
  readonly permanent: boolean;
  readonly #answer: LastAnswer<ServerMessage, ServerPolicy>;
  readonly #default: ServerPolicy;
  readonly #stream: OpenStream<ServerMessage>;
  readonly #destinations = new Set<InboundDestination>();

  constructor({ settings, streams, logger }: InboundPortNeeds, port: number, permanent: boolean) {
    this.port = port;
    this.permanent = permanent;
    this.#answer = new LastAnswer(serverPolicy, logger, 'Server policy', String(port));
    this.#default = defaultServerPolicy({
      name: settings.defaultPolicy,
      clusterNetworks: settings.clusterNetworks,
      detectTimeoutMs: settings.detectTimeoutMs,
      opaque: containsPort(settings.opaquePorts, port),
    });
    this.#stream = streams.inboundPolicy(port, () => {
      if (!this.#answer.take(this.#stream.state)) return;
      for (const destination of this.#destinations) destination.serve(this.#policy);
    });
    this.#answer.take(this.#stream.state);
  }

  /** Answers whether the data plane has it. */
  add(destination: InboundDestination): boolean {
    this.#destinations.add(destination);
    return destination.serve(this.#policy);
  }

  /** Answers whether no destination is left. */
  drop(destination: InboundDestination): boolean {
    this.#destinations.delete(destination);
    return this.#destinations.size === 0;
  }

  close(): void {
    this.#stream.close();
  }

  get #policy(): ServerPolicy {
    const { state } = this.#answer;
    return state.kind === 'known' ? state.value : this.#default;
  }
}
