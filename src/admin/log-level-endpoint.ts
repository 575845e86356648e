// /proxy-log-level: reads and changes the level of the log while running, data plane included.
import { type AdminEndpoint, loopbackOnly, methodNotAllowed, textResponse } from './http.js';

export interface LevelControl {
  current(): string;
  /** undefined when taken, else why not. */
  change(text: string): string | undefined;
}

export function logLevelEndpoint(levels: LevelControl): AdminEndpoint {
  return loopbackOnly((request) => {
    if (request.method === 'GET') return textResponse(200, levels.current());
    if (request.method !== 'PUT') return methodNotAllowed('GET', 'PUT');
    const refusal = levels.change(request.body);
    return refusal === undefined ? { status: 204 } : textResponse(400, refusal);
  });
}
