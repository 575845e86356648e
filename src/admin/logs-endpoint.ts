// /logs.json: the log as it happens, for a process of this host, one JSON object a line. What is
// followed is a filter of the client's own; that of the process's output stays as it is.
import { type Result } from '../core/result.js';
import {
  type AdminEndpoint,
  type AdminRequest,
  jsonError,
  loopbackOnly,
  methodNotAllowed,
  refuseUnlessJsonAccepted,
} from './http.js';

export interface LogSource {
  /** Text of whole lines, until the iteration is ended. The error says what is wrong with the filter. */
  open(filterText: string): Result<AsyncIterable<string>, string>;
}

/** Brackets and quotes of filters may come encoded or as they are. */
function decoded(query: string): string {
  try {
    return decodeURIComponent(query);
  } catch {
    return query;
  }
}

/** The filter is the whole query of a GET, or the body of a QUERY. */
function filterOf({ method, query, body }: AdminRequest): string | undefined {
  if (method === 'QUERY') return body;
  return query === undefined ? undefined : decoded(query);
}

export function logsEndpoint(source: LogSource): AdminEndpoint {
  return loopbackOnly((request) => {
    const refusal = refuseUnlessJsonAccepted(request);
    if (refusal !== undefined) return refusal;
    if (request.method !== 'GET' && request.method !== 'QUERY') return methodNotAllowed('GET', 'QUERY');
    const filter = filterOf(request);
    if (filter === undefined)
      return jsonError(400, 'the query must be a filter, such as ?warn,linkerd=debug');
    const lines = source.open(filter);
    if (!lines.ok) return jsonError(400, lines.error);
    return { status: 200, headers: { 'content-type': 'application/json' }, body: lines.value };
  });
}
