// /env.json: the environment the proxy runs with. Names are all shown; a value that may be a secret
// (by its name, or a password inside a URL) is not.
import {
  type AdminEndpoint,
  jsonError,
  jsonResponse,
  methodNotAllowed,
  refuseUnlessJsonAccepted,
} from './http.js';

const SECRET_NAME = /key|token|secret|passw|passphrase|credential|private|cookie|auth(?!orit)/i;
/** Such variables name a place, not the secret in it. */
const NAMES_A_PLACE = /(?:_file|_path|_dir|_sock|_addr|_name)$/i;
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/gi;

export const REDACTED = '[redacted]';

function shown(name: string, value: string): string {
  if (SECRET_NAME.test(name) && !NAMES_A_PLACE.test(name)) return REDACTED;
  return value.replaceAll(URL_PASSWORD, `$1${REDACTED}@`);
}

export function environmentEndpoint(
  variables: () => Readonly<Record<string, string | undefined>>,
): AdminEndpoint {
  return (request) => {
    if (request.method !== 'GET') return methodNotAllowed('GET');
    const refusal = refuseUnlessJsonAccepted(request);
    if (refusal !== undefined) return refusal;
    if (request.query?.includes('=') === true) {
      return jsonError(400, 'the query is a list of names separated by &, without values');
    }
    const all = variables();
    const asked = (request.query ?? '').split('&').filter((name) => name !== '');
    const names = asked.length > 0 ? asked : Object.keys(all);
    // fromEntries defines properties, so a variable named __proto__ is one like any other.
    const entries = names.map((name): [string, string | null] => {
      const value = Object.hasOwn(all, name) ? all[name] : undefined;
      return [name, value === undefined ? null : shown(name, value)];
    });
    return jsonResponse(200, Object.fromEntries(entries));
  };
}
