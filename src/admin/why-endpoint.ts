// /why.json: the latest failures with their causes, newest first, and how the questions to a control
// plane are. `sluice why` prints it.
import {
  FILTER_NAMES,
  type FailureFilter,
  type FilterName,
  parseFilter,
  type RawFilter,
} from '../why/failure-filter.js';
import { type StreamDescription } from '../routing/proxy-streams.js';
import { type FailureSelection } from '../why/failure-trail.js';
import { closest } from '../core/closest.js';
import { failure, type Result, success } from '../core/result.js';
import { type AdminEndpoint, jsonError, jsonResponse, methodNotAllowed } from './http.js';

export type StreamView = StreamDescription;

export interface WhySource {
  select(filter: FailureFilter): FailureSelection;
  /** Absent where no control plane is asked. */
  streams?(): readonly StreamView[];
}

/** The answer. */
export interface WhyView extends FailureSelection {
  readonly streams?: readonly StreamView[];
}

function isFilterName(name: string): name is FilterName {
  return (FILTER_NAMES as readonly string[]).includes(name);
}

function readQuery(query: string): Result<RawFilter, readonly string[]> {
  const raw = new Map<FilterName, string>();
  const errors: string[] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    if (!isFilterName(name)) {
      const meant = closest(name, FILTER_NAMES);
      const hint = meant === undefined ? `known are ${FILTER_NAMES.join(', ')}` : `did you mean ${meant}?`;
      errors.push(`unknown parameter "${name}"; ${hint}`);
    } else if (raw.has(name)) {
      errors.push(`${name} is given twice`);
    } else {
      raw.set(name, value);
    }
  }
  return errors.length === 0 ? success(Object.fromEntries(raw)) : failure(errors);
}

export function whyEndpoint(source: WhySource): AdminEndpoint {
  return (request) => {
    if (request.method !== 'GET') return methodNotAllowed('GET');
    const raw = readQuery(request.query ?? '');
    if (!raw.ok) return jsonError(400, raw.error.join('; '));
    const filter = parseFilter(raw.value);
    if (!filter.ok) return jsonError(400, filter.error.join('; '));
    const streams = source.streams?.();
    const view: WhyView = { ...source.select(filter.value), ...(streams === undefined ? {} : { streams }) };
    return jsonResponse(200, view);
  };
}
