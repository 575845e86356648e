// What the identity of this proxy is asked for with: its private key and signing request, made by
// others and read once; and the token that proves who it is, read for each question, because it is
// renewed in place (reference, proxy behaviour §6.1). Nothing of their content is ever in an error.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { failure, type Result, success } from '../core/result.js';

const REQUEST_FILE = 'csr.der';
const KEY_FILE = 'key.p8';

export interface SigningMaterial {
  /** PKCS#10, DER. */
  readonly requestDer: Uint8Array;
  readonly privateKey: KeyObject;
}

/** Reads `csr.der` and `key.p8` (PKCS#8, DER) of the directory; the error names the file. */
export async function readSigningMaterial(directory: string): Promise<Result<SigningMaterial, string>> {
  const request = await readFilled(join(directory, REQUEST_FILE));
  if (!request.ok) return request;
  const path = join(directory, KEY_FILE);
  const key = await readFilled(path);
  if (!key.ok) return key;
  try {
    const privateKey = createPrivateKey({ key: Buffer.from(key.value), format: 'der', type: 'pkcs8' });
    return success({ requestDer: request.value, privateKey });
  } catch {
    return failure(`${path} is not a private key in PKCS#8`);
  }
}

/** The content of a file that must not be empty. */
export async function readFilled(path: string): Promise<Result<Uint8Array, string>> {
  try {
    const content = await readFile(path);
    return content.length === 0 ? failure(`${path} is empty`) : success(content);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    return failure(`${path} cannot be read: ${code}`);
  }
}
