// The static table of host names (/etc/hosts, see hosts(5)): what the administrator of this machine
// wrote there wins over every name server, as it does for all other programs.
import { readFile } from 'node:fs/promises';

import { canonicalIp, ipFamily, type IpAddress } from '../core/ip.js';

const HOSTS_FILE = '/etc/hosts';

/** Addresses of a name (lower case) in the text of a hosts file, in its order. */
export function addressesInHosts(text: string, name: string, family: 4 | 6): readonly IpAddress[] {
  const addresses = text.split('\n').flatMap((line) => {
    const [addressText = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const ip = canonicalIp(addressText);
    return ip !== undefined && names.some((item) => item.toLowerCase() === name) ? [ip] : [];
  });
  return [...new Set(addresses)].filter((ip) => ipFamily(ip) === family);
}

/** Read anew for each question, since it is small and may change. A missing file is an empty one. */
export async function readHostsFile(): Promise<string> {
  try {
    return await readFile(HOSTS_FILE, 'utf8');
  } catch {
    return '';
  }
}
