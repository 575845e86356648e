// Pictures of a target's endpoints for its failures. Asking the workers has a price, so a storm of
// failures shares pictures: at most one a second for each target, and never more than a small part of
// node's time for all of them. Whoever asks in between gets the one before, which says when it was taken.
import { type Clock } from '../core/clock.js';
import { CommandRefusedError } from '../dataplane/dataplane.js';
import { type Inspection } from '../dataplane/gen/contract_pb.js';
import { type TargetDirectory } from '../routing/target-directory.js';
import { type EndpointsPicture, pictureOf } from './endpoints-picture.js';

export interface EndpointPicturesOptions {
  /** Throws CommandRefusedError when the workers do not answer in time. */
  readonly inspect: () => Inspection;
  readonly targets: TargetDirectory;
  readonly clock: Clock;
}

const PICTURE_LIFE_MS = 1000;
/** An inspection sees all targets: others that fail together share it. */
const SHORTEST_REST_MS = 100;
/** After an inspection there is none for this many times as long as it took. */
const REST_FACTOR = 20;
const REMEMBERED_PICTURES = 1024;

interface Moment {
  readonly atMs: number;
  readonly timeMs: number;
  /** undefined: the workers did not answer. */
  readonly inspection: Inspection | undefined;
}

export class EndpointPictures {
  readonly #options: EndpointPicturesOptions;
  readonly #byTarget = new Map<number, { readonly moment: Moment; readonly picture: EndpointsPicture }>();
  #latest: Moment | undefined;
  #restUntilMs = -Infinity;

  constructor(options: EndpointPicturesOptions) {
    this.#options = options;
  }

  /**
   * The same object as before while there is no newer one. undefined when there is none, as for what is
   * merely forwarded: it has one endpoint, of which the failure itself tells everything.
   */
  of(targetId: number): EndpointsPicture | undefined {
    const info = this.#options.targets.targetInfo(targetId);
    if (info === undefined || info.authority === '') return undefined;
    const now = this.#options.clock.now();
    const known = this.#byTarget.get(targetId);
    if (known !== undefined && now - known.moment.atMs < PICTURE_LIFE_MS) return known.picture;
    const earlier = this.#latest;
    const moment = this.#moment(now);
    if (known?.moment === moment || moment.inspection === undefined) return known?.picture;
    const target = moment.inspection.targets.find(({ id }) => id === targetId);
    // A target younger than the inspection is not in it, and is not gone.
    if (target === undefined && moment === earlier) return known?.picture;
    const picture = pictureOf(target, info.removedEndpoints(), moment.timeMs);
    this.#byTarget.delete(targetId);
    this.#byTarget.set(targetId, { moment, picture });
    for (const oldest of this.#byTarget.keys()) {
      if (this.#byTarget.size <= REMEMBERED_PICTURES) break;
      this.#byTarget.delete(oldest);
    }
    return picture;
  }

  #moment(now: number): Moment {
    if (this.#latest !== undefined && now < this.#restUntilMs) return this.#latest;
    const { clock, inspect } = this.#options;
    let inspection: Inspection | undefined;
    try {
      inspection = inspect();
    } catch (error) {
      if (!(error instanceof CommandRefusedError)) throw error;
    }
    const after = clock.now();
    this.#restUntilMs = after + Math.max(SHORTEST_REST_MS, REST_FACTOR * (after - now));
    this.#latest = { atMs: after, timeMs: clock.wallTime(), inspection };
    return this.#latest;
  }
}
