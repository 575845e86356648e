// /shutdown: lets a process of this host end the proxy gracefully, where the configuration allows it.
import { type AdminEndpoint, loopbackOnly, methodNotAllowed, textResponse } from './http.js';

/** `begin` starts the drain; false when nobody is left to do it. */
export function shutdownEndpoint(isEnabled: () => boolean, begin: () => boolean): AdminEndpoint {
  const shutDown = loopbackOnly(() => {
    if (!isEnabled()) return textResponse(404, 'shutdown endpoint is not enabled\n');
    return begin() ? textResponse(200, 'shutdown\n') : textResponse(500, 'shutdown listener dropped\n');
  });
  return (request) => (request.method === 'POST' ? shutDown(request) : methodNotAllowed('POST'));
}
