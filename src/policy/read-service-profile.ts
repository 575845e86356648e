// From the message DestinationProfile to the model of a ServiceProfile (reference, behaviour §4.10, wire API
// §3 destination). Nothing in it spoils the whole: what cannot be read is left out and noted.
import type { DestinationProfile, RetryBudget, Route, WeightedDst } from '../api/gen/destination_pb.js';
import { toMilliseconds } from '../api/duration-values.js';
import { parseHostName } from '../config/host-name.js';
import { meshEndpoint } from '../control/mesh-endpoint.js';
import { deepFreeze } from '../core/freeze.js';
import { parsePort, splitHostPort } from '../core/ip.js';
import { readCondition } from './read-profile-matches.js';
import { readResponseClasses } from './read-response-classes.js';
import { Reading } from './reading.js';
import type { ProfileRoute, ServiceProfile } from './service-profile.js';

export function serviceProfile(message: DestinationProfile): ServiceProfile {
  const reading = new Reading();
  return deepFreeze({
    name: readName(reading, message.fullyQualifiedName),
    routes: message.routes.flatMap(
      (route, index) => readRoute(reading, `routes[${String(index)}]`, route) ?? [],
    ),
    retryBudget: readBudget(reading, message.retryBudget),
    overrides: message.dstOverrides.flatMap(
      (override, index) => readOverride(reading, `dst_overrides[${String(index)}]`, override) ?? [],
    ),
    opaque: message.opaqueProtocol,
    endpoint: message.endpoint === undefined ? undefined : meshEndpoint(message.endpoint),
    notes: reading.notes,
  });
}

/** Undefined: the address belongs to no service that has a name. */
function readName(reading: Reading, text: string): string | undefined {
  const name = parseHostName(text);
  if (name === undefined && text !== '') {
    reading.note('fully_qualified_name', 'is left out: it is not the name of a host');
  }
  return name;
}

/** Undefined when it cannot be read; then the next ones are asked. */
function readRoute(reading: Reading, path: string, route: Route): ProfileRoute | undefined {
  const condition = new Reading();
  const matches = readCondition(condition, `${path}.condition`, route.condition);
  if (condition.mistake !== undefined) {
    reading.note(path, `is left out: ${condition.mistake}`);
    return undefined;
  }
  return {
    matches,
    failureStatuses: readResponseClasses(reading, `${path}.response_classes`, route.responseClasses),
    timeoutMs: readTimeout(reading, `${path}.timeout`, route),
    retryable: route.isRetryable,
    labels: { ...route.metricsLabels },
  };
}

function readTimeout(reading: Reading, path: string, { timeout }: Route): number {
  const duration = new Reading();
  const milliseconds = duration.duration(path, timeout) ?? 0;
  if (duration.mistake !== undefined) reading.note(path, 'is left out: it is negative');
  return milliseconds;
}

const LARGEST_RETRIES = 2_147_483_647;
const LARGEST_RATIO = 1000;
const SHORTEST_TTL_MS = 1000;
const LONGEST_TTL_MS = 60_000;

/** Undefined unless all of it is valid. */
function readBudget(reading: Reading, message: RetryBudget | undefined): ServiceProfile['retryBudget'] {
  if (message === undefined) return undefined;
  const { retryRatio: ratio, minRetriesPerSecond: minPerSecond } = message;
  const ttlMs = toMilliseconds(message.ttl) ?? 0;
  const isValid =
    minPerSecond <= LARGEST_RETRIES &&
    ratio >= 0 &&
    ratio <= LARGEST_RATIO &&
    ttlMs >= SHORTEST_TTL_MS &&
    ttlMs <= LONGEST_TTL_MS;
  if (isValid) return { ratio, minPerSecond, ttlMs: Math.floor(ttlMs) };
  reading.note('retry_budget', 'is left out: it is not valid, so nothing is tried again');
  return undefined;
}

function readOverride(
  reading: Reading,
  path: string,
  { authority, weight }: WeightedDst,
): ServiceProfile['overrides'][number] | undefined {
  const { host, port } = splitHostPort(authority);
  const name = parseHostName(host);
  const number = parsePort(port ?? '');
  if (name === undefined || number === undefined) {
    reading.note(`${path}.authority`, 'is left out: it is not name:port');
    return undefined;
  }
  return weight === 0 ? undefined : { authority: `${name}:${String(number)}`, weight };
}
