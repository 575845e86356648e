// Whether a token is that of a workload. Secrets are read anew for each question, so that they can be
// replaced while the controller runs; they are compared in constant time, and never kept or told.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { Variables } from '../config/environment.js';
import type { TokenSource } from '../config/identity-config.js';
import { failure, type Result, success } from '../core/result.js';

export interface TokenPlaces {
  /** Of the mesh file; paths are relative to it. */
  readonly folder: string;
  readonly variables: Variables;
}

/** The text of a token, or undefined when it cannot be one: it is one line of printable ASCII. */
export function parseToken(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('latin1').trim();
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

/** Fails, with why, when there is nothing to compare with. Never rejects. */
export async function isTokenOf(
  source: TokenSource,
  token: string,
  places: TokenPlaces,
): Promise<Result<boolean, string>> {
  const expected = await readSource(source, places);
  return expected.ok ? success(isSame(expected.value, token)) : expected;
}

async function readSource(source: TokenSource, places: TokenPlaces): Promise<Result<string, string>> {
  if (source.kind === 'variable') {
    const text = places.variables[source.name];
    if (text === undefined) return failure(`the variable ${source.name} is not set`);
    return parsed(Buffer.from(text), `the variable ${source.name}`);
  }
  const file = resolve(places.folder, source.path);
  try {
    return parsed(await readFile(file), file);
  } catch (error) {
    return failure(`${file} cannot be read: ${String((error as NodeJS.ErrnoException).code)}`);
  }
}

function parsed(bytes: Uint8Array, place: string): Result<string, string> {
  const token = parseToken(bytes);
  return token === undefined ? failure(`${place} has no token in it`) : success(token);
}

function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
