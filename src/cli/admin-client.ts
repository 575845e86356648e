// Asks the admin server of a running sluice, for `sluice metrics`, `sluice routes` and `sluice why`.
import { request } from 'node:http';

import { formatHostPort, type HostPort } from '../core/ip.js';

/** No answer, or not the one asked for. The message is for people. */
export class AdminUnavailableError extends Error {
  override readonly name = 'AdminUnavailableError';
}

const ANSWER_TIMEOUT_MS = 5000;

export function askAdmin(address: HostPort, path: string): Promise<string> {
  const place = formatHostPort(address);
  return new Promise((resolve, reject) => {
    const fail = (detail: string): void => {
      reject(new AdminUnavailableError(`no answer from the admin server at ${place}: ${detail}`));
    };
    const asked = request({ host: address.ip, port: address.port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => {
        fail(error.message);
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else
          fail(`it answered ${path} with ${String(response.statusCode)}; is it sluice that listens there?`);
      });
    });
    asked.setTimeout(ANSWER_TIMEOUT_MS, () => {
      asked.destroy(new Error(`nothing came for ${String(ANSWER_TIMEOUT_MS / 1000)} seconds`));
    });
    asked.on('error', (error) => {
      fail((error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'nobody listens there' : error.message);
    });
    asked.end();
  });
}
