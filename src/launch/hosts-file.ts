// The text of the hosts file that a command sees (hosts(5)): the mesh's names first, then the host's
// own entries without those names, since resolvers return the addresses of all lines that match.

export interface HostsEntry {
  readonly ip: string;
  readonly names: readonly string[];
}

export function renderHosts(own: string, entries: readonly HostsEntry[]): string {
  const meshed = new Set(entries.flatMap(({ names }) => names.map((name) => name.toLowerCase())));
  const mesh = entries
    .filter(({ names }) => names.length > 0)
    .map(({ ip, names }) => `${ip}\t${names.join(' ')}`);
  const kept = own.split('\n').flatMap((line) => withoutNames(line, meshed));
  const lines = ['# Names of the mesh, by sluice.', ...mesh, '# Entries of the host.', ...kept];
  return `${lines.join('\n').trimEnd()}\n`;
}

/** The line as it is when it has none of the names; nothing when it had only those. */
function withoutNames(line: string, unwanted: ReadonlySet<string>): readonly string[] {
  const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
  const kept = names.filter((name) => !unwanted.has(name.toLowerCase()));
  if (kept.length === names.length) return [line];
  return kept.length === 0 ? [] : [`${address}\t${kept.join(' ')}`];
}
