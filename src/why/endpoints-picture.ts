// The endpoints of a target at one moment, and as text: the cause of a failure that no single endpoint
// explains. Of targets with many endpoints only the most telling ones are in it, all are counted.
import { formatHostPort } from '../core/ip.js';
import { addressText } from '../dataplane/address-text.js';
import { endpointLive, type EndpointLive } from '../dataplane/endpoint-live.js';
import { type TargetInspection } from '../dataplane/gen/contract_pb.js';
import { type RemovedEndpoint } from '../routing/target-directory.js';

export interface PicturedEndpoint extends EndpointLive {
  readonly address: string;
}

export interface EndpointsPicture {
  /** When it was taken, Unix milliseconds. */
  readonly timeMs: number;
  readonly counts: Readonly<Record<EndpointLive['state'], number>>;
  /** Those that fail first, at most `SHOWN_ENDPOINTS`. */
  readonly endpoints: readonly PicturedEndpoint[];
  /** Requests that wait for an endpoint. */
  readonly waiting: number;
  /** Removed by discovery in the last minutes. */
  readonly removed: readonly { readonly address: string; readonly agoMs: number }[];
}

export const SHOWN_ENDPOINTS = 16;

/** `target` undefined: the data plane has it no more. */
export function pictureOf(
  target: TargetInspection | undefined,
  removed: readonly RemovedEndpoint[],
  timeMs: number,
): EndpointsPicture {
  const all = (target?.endpoints ?? []).map((endpoint) => ({
    address: endpoint.address === undefined ? '' : addressText(endpoint.address),
    ...endpointLive(endpoint),
  }));
  const ejected = all.filter(({ state }) => state === 'ejected');
  const backoff = all.filter(({ state }) => state === 'backoff');
  const ready = all.filter(({ state }) => state === 'ready');
  const doubtful = ready.filter(({ lastError }) => lastError !== undefined);
  const sound = ready.filter(({ lastError }) => lastError === undefined);
  return {
    timeMs,
    counts: { ready: ready.length, backoff: backoff.length, ejected: ejected.length },
    endpoints: [...ejected, ...backoff, ...doubtful, ...sound].slice(0, SHOWN_ENDPOINTS),
    waiting: target?.waiting ?? 0,
    removed: removed.map(({ address, agoMs }) => ({
      address: formatHostPort(address),
      agoMs: Math.round(agoMs),
    })),
  };
}

/** Each worker backs off and ejects by itself. As long as one has not met the error, the endpoint counts as ready. */
function stateText({ state, lastError, ejectedBy }: EndpointLive): string {
  if (state === 'ejected') return `ejected for ${ejectedBy ?? 'its answers'}`;
  if (state === 'backoff') return 'backing off';
  return lastError === undefined ? 'ready' : 'ready for some workers only';
}

function endpointText({ address, ...live }: PicturedEndpoint): string {
  const parts = [`${address} ${stateText(live)}`];
  if (live.lastError !== undefined) parts.push(live.lastError);
  if (live.nextAttemptMs !== undefined) {
    parts.push(live.nextAttemptMs === 0 ? 'next attempt due' : `next attempt in ${live.nextAttemptMs} ms`);
  }
  if (live.inFlight > 0) parts.push(`${live.inFlight} in flight`);
  if (live.state === 'ready' && live.ewmaMs > 0) parts.push(`${live.ewmaMs.toFixed(1)} ms`);
  return parts.join(', ');
}

/** One line. */
export function endpointsText({ counts, endpoints, waiting, removed }: EndpointsPicture): string {
  const parts = endpoints.map(endpointText);
  if (parts.length === 0) parts.push('none');
  if (counts.ready + counts.backoff + counts.ejected > endpoints.length) {
    const ejected = counts.ejected > 0 ? `, ${counts.ejected} ejected` : '';
    parts.push(`of all, ${counts.ready} ready and ${counts.backoff} backing off${ejected}`);
  }
  for (const { address, agoMs } of removed) {
    parts.push(`${address} removed by discovery ${(agoMs / 1000).toFixed(1)} s before`);
  }
  if (waiting > 0) parts.push(`requests waiting: ${waiting}`);
  return parts.join('; ');
}
