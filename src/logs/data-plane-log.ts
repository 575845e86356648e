// Drains the data plane's log lines and failures into the process's log. A failure becomes one line
// with its reason; how loud depends on whose doing it was. Lost lines are reported, at most once a
// second, so that the report of a flood is no flood.
import { type LogFields } from '../core/logger.js';
import { addressText } from '../dataplane/address-text.js';
import { type EventBatch, type Failure, type LogLine, Reason } from '../dataplane/gen/contract_pb.js';
import { reasonName } from '../dataplane/reason-name.js';
import { type EndpointsPicture, endpointsText } from '../why/endpoints-picture.js';
import { directionName, EXPLAINED_BY_ENDPOINTS } from '../why/failure-record.js';
import { lineLevel, type LineLevel } from './log-level.js';

export interface LineLog {
  log(level: LineLevel, fields: LogFields, message: string, timeMs?: number): void;
}

export interface DataPlaneEvents {
  subscribe(listener: (batch: EventBatch) => void): () => void;
}

/** The part of the router's directory that is needed here. */
export interface TargetNames {
  targetInfo(id: number): { readonly authority: string } | undefined;
  routeInfo(id: number): { readonly name: string } | undefined;
}

export interface DataPlaneLogOptions {
  readonly source: DataPlaneEvents;
  readonly log: LineLog;
  readonly targets: TargetNames;
  /** The endpoints of a target as they are, or were a moment ago: then the same object as before. */
  readonly picture: (targetId: number) => EndpointsPicture | undefined;
  /** Monotonic time in milliseconds. */
  readonly now: () => number;
}

const LOSS_REPORT_INTERVAL_MS = 1000;

/** Peers do these all day; nothing is wrong with the proxy or the endpoint. */
const EVERYDAY: ReadonlySet<Reason> = new Set([
  Reason.CLIENT_CLOSED,
  Reason.CLIENT_RESET,
  Reason.CLIENT_IDLE_TIMEOUT,
  Reason.IDLE_TIMEOUT,
  Reason.KEEPALIVE_TIMEOUT,
  Reason.DRAINING,
]);

/** The client's mistake or slowness. */
const BY_CLIENT: ReadonlySet<Reason> = new Set([
  Reason.CLIENT_HEAD_TIMEOUT,
  Reason.MALFORMED_REQUEST,
  Reason.REQUEST_HEAD_TOO_LARGE,
  Reason.UNSUPPORTED_VERSION,
  Reason.DETECT_TIMEOUT,
  Reason.HALF_CLOSE_TIMEOUT,
]);

/** The configuration wants it so. */
const WANTED: ReadonlySet<Reason> = new Set([
  Reason.INJECTED_FAILURE,
  Reason.FORBIDDEN,
  Reason.UNAUTHORIZED,
  Reason.RATE_LIMITED,
  Reason.ADDRESS_NOT_ALLOWED,
]);

/** The proxy itself is in trouble. */
const BY_PROXY: ReadonlySet<Reason> = new Set([
  Reason.OUT_OF_DESCRIPTORS,
  Reason.OUT_OF_MEMORY_BUDGET,
  Reason.INTERNAL,
]);

function failureLevel(reason: Reason): LineLevel {
  if (EVERYDAY.has(reason)) return 'debug';
  if (BY_CLIENT.has(reason) || WANTED.has(reason)) return 'info';
  return BY_PROXY.has(reason) ? 'error' : 'warn';
}

function orAbsent(text: string): string | undefined {
  return text === '' ? undefined : text;
}

export class DataPlaneLog {
  readonly #options: DataPlaneLogOptions;
  readonly #unsubscribe: () => void;
  /** Pictures that a line has shown. */
  readonly #shown = new WeakSet<EndpointsPicture>();
  #dropped = 0n;
  #lossReportedAt = -Infinity;

  constructor(options: DataPlaneLogOptions) {
    this.#options = options;
    this.#unsubscribe = options.source.subscribe((batch) => {
      for (const { kind } of batch.events) {
        if (kind.case === 'log') this.#line(kind.value);
        else if (kind.case === 'failure') this.#failure(kind.value);
      }
      this.#dropped += batch.droppedLogs;
      if (options.now() - this.#lossReportedAt >= LOSS_REPORT_INTERVAL_MS) this.#reportLoss();
    });
  }

  /** Reports what was not yet reported and follows no more. */
  close(): void {
    this.#unsubscribe();
    this.#reportLoss();
  }

  #line(line: LogLine): void {
    this.#options.log.log(
      lineLevel(line.level),
      { worker: line.worker, ...line.fields },
      line.message,
      Number(line.timeMs),
    );
  }

  #failure(failure: Failure): void {
    const isRequest = failure.method !== '' || failure.status !== 0;
    const authority =
      failure.targetId === 0 ? undefined : this.#options.targets.targetInfo(failure.targetId)?.authority;
    const fields: LogFields = {
      reason: reasonName(failure.reason),
      detail: orAbsent(failure.detail),
      direction: directionName(failure.direction),
      client: failure.client && addressText(failure.client),
      destination: failure.originalDestination && addressText(failure.originalDestination),
      authority: orAbsent(authority ?? ''),
      endpoint: failure.endpoint && addressText(failure.endpoint),
      method: orAbsent(failure.method),
      path: orAbsent(failure.path),
      route: this.#options.targets.routeInfo(failure.routeId)?.name,
      tries: failure.tries > 1 ? failure.tries : undefined,
      status: failure.status === 0 ? undefined : failure.status,
      endpoints: this.#endpoints(failure),
    };
    const message = isRequest ? 'request failed' : 'connection failed';
    this.#options.log.log(failureLevel(failure.reason), fields, message, Number(failure.timeMs));
  }

  /** Each picture once: the lines of a storm are short, and the first one of every second has it all. */
  #endpoints({ reason, targetId }: Failure): string | undefined {
    if (!EXPLAINED_BY_ENDPOINTS.has(reason)) return undefined;
    const picture = this.#options.picture(targetId);
    if (picture === undefined || this.#shown.has(picture)) return undefined;
    this.#shown.add(picture);
    return endpointsText(picture);
  }

  #reportLoss(): void {
    if (this.#dropped === 0n) return;
    this.#options.log.log(
      'warn',
      { lines: this.#dropped },
      'log lines of the data plane were lost: too many at once',
    );
    this.#dropped = 0n;
    this.#lossReportedAt = this.#options.now();
  }
}
