// /proxy-log-level: reads and changes what is logged while running, data plane included: a level, or a
// filter where the log has one. Not there when nothing is ever logged.
import { type AdminEndpoint, loopbackOnly, methodNotAllowed, textResponse } from './http.js';

export interface LevelControl {
  current(): string;
  /** undefined when taken, else why not. */
  change(text: string): string | undefined;
}

export function logLevelEndpoint(levels: LevelControl | undefined): AdminEndpoint {
  return loopbackOnly((request) => {
    if (levels === undefined) return { status: 404 };
    if (request.method === 'GET') return textResponse(200, levels.current());
    if (request.method !== 'PUT') return methodNotAllowed('GET', 'PUT');
    const refusal = levels.change(request.body);
    return refusal === undefined ? { status: 204 } : textResponse(400, refusal);
  });
}
