// The version of sluice, from its package.json: the nearest one above this file.
import { readFileSync } from 'node:fs';

/** Empty when the package cannot be found (a copy without its package.json). */
export function packageVersion(from: string | URL = import.meta.url): string {
  for (let folder = new URL('.', from); ; folder = new URL('..', folder)) {
    try {
      const found = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as Record<
        string,
        unknown
      >;
      if (found['name'] === 'sluice' && typeof found['version'] === 'string') return found['version'];
    } catch {
      // Not here.
    }
    if (folder.pathname === new URL('..', folder).pathname) return '';
  }
}
