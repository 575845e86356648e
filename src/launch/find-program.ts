// Looks a program up as execvp(3) does, before anything is attached: a shell's exit codes 127 (not
// found) and 126 (found, but not to be executed) are known in time.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Used when the environment has no PATH; also where this program looks for its own tools. */
export const STANDARD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export type FoundProgram =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'missing'; readonly message: string }
  | { readonly kind: 'not-executable'; readonly message: string };

export async function findProgram(name: string, searchPath: string | undefined): Promise<FoundProgram> {
  if (name === '') return { kind: 'missing', message: 'the command is empty' };
  if (name.includes('/')) {
    switch (await lookAt(name)) {
      case 'executable':
        return { kind: 'found', path: name };
      case 'directory':
        return { kind: 'not-executable', message: `${name} is a directory` };
      // Hidden: behind a directory that may not be entered. Whatever is there cannot be executed.
      case 'not-executable':
      case 'hidden':
        return { kind: 'not-executable', message: `${name} is not executable` };
      case 'missing':
        return { kind: 'missing', message: `${name} does not exist` };
    }
  }
  let refused: string | undefined;
  for (const directory of (searchPath ?? STANDARD_PATH).split(delimiter)) {
    // An empty element means the working directory.
    const path = directory === '' ? `./${name}` : join(directory, name);
    const seen = await lookAt(path);
    if (seen === 'executable') return { kind: 'found', path: path.includes('/') ? path : `./${path}` };
    // Directories of PATH that may not be entered say nothing: shells take them for empty.
    if (seen === 'not-executable') refused ??= path;
  }
  return refused === undefined
    ? { kind: 'missing', message: `${name} is not found in PATH` }
    : { kind: 'not-executable', message: `${refused} is not executable` };
}

async function lookAt(
  path: string,
): Promise<'executable' | 'not-executable' | 'directory' | 'hidden' | 'missing'> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return 'directory';
    if (!found.isFile()) return 'not-executable';
  } catch (error) {
    return isErrno(error, 'EACCES') ? 'hidden' : 'missing';
  }
  try {
    await access(path, constants.X_OK);
    return 'executable';
  } catch {
    return 'not-executable';
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
