// Which responses a route of a ServiceProfile calls failures (reference, behaviour §4.11, wire API §3
// ResponseClass). Conditions are of statuses only, so each status is asked once, and what comes out are ranges.
import type { ResponseClass, ResponseMatch } from '../api/gen/destination_pb.js';
import type { StatusRangeConfig } from '../config/route-config.js';
import type { Reading } from './reading.js';

const FIRST_STATUS = 100;
const LAST_STATUS = 599;
const LARGEST_CODE = 999;
const SERVER_ERRORS = 500;

/** No response has this status: where there are no failures at all, since no ranges mean those of servers. */
const NEVER: StatusRangeConfig = { first: 1, last: 1 };

type Condition = (status: number) => boolean;

interface ClassRule {
  readonly holds: Condition;
  readonly isFailure: boolean;
}

/** The first class that holds decides; without one a failure is what servers are to blame for. Classes that
 * cannot be read are left out. Never empty. */
export function readResponseClasses(
  reading: Reading,
  path: string,
  messages: readonly ResponseClass[],
): readonly StatusRangeConfig[] {
  const rules = messages.flatMap(({ condition, isFailure }, index): ClassRule | readonly [] => {
    const holds = readCondition(condition);
    if (holds !== undefined) return { holds, isFailure };
    reading.note(`${path}[${String(index)}]`, 'is left out: its condition is not valid');
    return [];
  });
  const ranges: { first: number; last: number }[] = [];
  for (let status = FIRST_STATUS; status <= LAST_STATUS; status += 1) {
    const rule = rules.find(({ holds }) => holds(status));
    if (!(rule?.isFailure ?? status >= SERVER_ERRORS)) continue;
    const latest = ranges.at(-1);
    if (latest?.last === status - 1) latest.last = status;
    else ranges.push({ first: status, last: status });
  }
  return ranges.length === 0 ? [NEVER] : ranges;
}

/** Undefined when any part of it is not valid. */
function readCondition(message: ResponseMatch | undefined): Condition | undefined {
  const match = message?.match;
  switch (match?.case) {
    case 'all': {
      const parts = readParts(match.value.matches);
      return parts && ((status) => parts.every((holds) => holds(status)));
    }
    case 'any': {
      const parts = readParts(match.value.matches);
      return parts && ((status) => parts.some((holds) => holds(status)));
    }
    case 'not': {
      const inner = readCondition(match.value);
      return inner && ((status) => !inner(status));
    }
    case 'status': {
      const { min, max } = match.value;
      return isCode(min) && isCode(max) ? (status) => status >= min && status <= max : undefined;
    }
    case undefined:
      return undefined;
  }
}

function readParts(messages: readonly ResponseMatch[]): readonly Condition[] | undefined {
  const parts = messages.map(readCondition).filter((part) => part !== undefined);
  return parts.length === 0 || parts.length < messages.length ? undefined : parts;
}

function isCode(code: number): boolean {
  return code >= FIRST_STATUS && code <= LARGEST_CODE;
}
