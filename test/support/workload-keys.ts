// Keys and signing requests of workloads, made by openssl: nothing of what is tested makes them.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { output } from './processes.js';

export interface RequestParts {
  /** Of the subject, such as `/CN=web`. */
  readonly subject?: string;
  /** As openssl writes them, such as `DNS:web.example`. */
  readonly names?: readonly string[];
  /** Arguments of `openssl genpkey`. */
  readonly algorithm?: readonly string[];
}

const P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** Leaves `NAME.pem` (the key) in the folder; answers the request in DER. */
export async function signingRequest(
  folder: string,
  name: string,
  { subject = '/', names = [], algorithm = P256 }: RequestParts,
): Promise<Buffer> {
  const key = join(folder, `${name}.pem`);
  const request = join(folder, `${name}.der`);
  await output(['openssl', 'genpkey', ...algorithm, '-out', key]);
  const extension = names.length === 0 ? [] : ['-addext', `subjectAltName=${names.join(',')}`];
  const how = ['-new', '-key', key, '-subj', subject, ...extension, '-outform', 'DER', '-out', request];
  await output(['openssl', 'req', ...how]);
  return readFile(request);
}
