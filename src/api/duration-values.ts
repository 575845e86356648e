// Durations of the API as milliseconds and back.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Duration, DurationSchema } from '@bufbuild/protobuf/wkt';

const NANOS_PER_MS = 1_000_000;

/** Milliseconds with what is below them; undefined when it is absent or negative. */
export function toMilliseconds(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  const { seconds, nanos } = duration;
  if (seconds < 0n || nanos < 0) return undefined;
  return Number(seconds) * 1000 + nanos / NANOS_PER_MS;
}

/** `milliseconds` is not negative. */
export function fromMilliseconds(milliseconds: number): MessageInitShape<typeof DurationSchema> {
  const whole = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(whole), nanos: Math.round((milliseconds - whole * 1000) * NANOS_PER_MS) };
}
