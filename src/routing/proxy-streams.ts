// The questions that the routers keep open at the control plane, and how each of them is, for
// explanations. What a stream says is passed on until it is closed, and never from within `open`.
import type {
  ControlPlane,
  EndpointSet,
  OutboundTarget,
  StreamState,
  StreamWatch,
} from '../control/control-plane.js';
import { formatHostPort } from '../core/ip.js';
import type { Logger } from '../core/logger.js';
import { guard } from './guard.js';

export type StreamKind = 'endpoints' | 'profile' | 'outbound-policy' | 'inbound-policy';

export interface StreamDescription {
  readonly kind: StreamKind;
  /** What is asked about: `name:port`, `ip:port`, or a port. */
  readonly subject: string;
  readonly state: StreamState<unknown>['kind'];
  readonly open: boolean;
  /** Since the latest stream was opened, or has been away. */
  readonly ageMs: number;
  /** Undefined: nothing was ever answered. */
  readonly lastMessageAgoMs: number | undefined;
  readonly lastFailure:
    { readonly code: number; readonly message: string; readonly agoMs: number } | undefined;
}

/** An open question. */
export interface OpenStream<T> {
  readonly state: StreamState<T>;
  close(): void;
}

type Messages = {
  readonly [Question in keyof ControlPlane]: ReturnType<ControlPlane[Question]> extends StreamWatch<
    infer Message
  >
    ? Message
    : never;
};

interface Entry {
  readonly kind: StreamKind;
  readonly subject: string;
  readonly watch: StreamWatch<unknown>;
}

export interface ProxyStreamsNeeds {
  readonly controlPlane: ControlPlane;
  readonly logger: Logger;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
}

export class ProxyStreams {
  readonly #needs: ProxyStreamsNeeds;
  readonly #open = new Set<Entry>();

  constructor(needs: ProxyStreamsNeeds) {
    this.#needs = needs;
  }

  /** `path`: `name:port`. */
  endpoints(path: string, onChange: () => void): OpenStream<EndpointSet> {
    return this.#follow('endpoints', path, this.#needs.controlPlane.endpoints(path), onChange);
  }

  /** `path`: `ip:port` or `name:port`. */
  profile(path: string, onChange: () => void): OpenStream<Messages['profile']> {
    return this.#follow('profile', path, this.#needs.controlPlane.profile(path), onChange);
  }

  outboundPolicy(target: OutboundTarget, onChange: () => void): OpenStream<Messages['outboundPolicy']> {
    const subject = target.kind === 'address' ? formatHostPort(target.address) : target.authority;
    return this.#follow(
      'outbound-policy',
      subject,
      this.#needs.controlPlane.outboundPolicy(target),
      onChange,
    );
  }

  inboundPolicy(port: number, onChange: () => void): OpenStream<Messages['inboundPolicy']> {
    return this.#follow(
      'inbound-policy',
      String(port),
      this.#needs.controlPlane.inboundPolicy(port),
      onChange,
    );
  }

  closeAll(): void {
    for (const { watch } of this.#open) watch.close();
    this.#open.clear();
  }

  /** In the order in which they were asked. */
  describe(): readonly StreamDescription[] {
    const now = this.#needs.now();
    return [...this.#open].map(({ kind, subject, watch: { state, health } }) => ({
      kind,
      subject,
      state: state.value.kind,
      open: health.open,
      ageMs: now - health.sinceMs,
      lastMessageAgoMs: health.lastMessageMs === undefined ? undefined : now - health.lastMessageMs,
      lastFailure:
        health.lastFailure === undefined
          ? undefined
          : {
              code: health.lastFailure.code,
              message: health.lastFailure.message,
              agoMs: now - health.lastFailure.atMs,
            },
    }));
  }

  #follow<T>(kind: StreamKind, subject: string, watch: StreamWatch<T>, onChange: () => void): OpenStream<T> {
    const entry = { kind, subject, watch };
    this.#open.add(entry);
    let told = false;
    const unsubscribe = watch.state.subscribe(() => {
      if (told && this.#open.has(entry)) guard(this.#needs.logger, onChange);
      told = true;
    });
    return {
      get state() {
        return watch.state.value;
      },
      close: () => {
        if (!this.#open.delete(entry)) return;
        unsubscribe();
        watch.close();
      },
    };
  }
}
