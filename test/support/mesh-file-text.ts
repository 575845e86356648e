// Mesh files as text, for tests of the whole program.

export interface ServiceText {
  readonly addresses?: readonly string[];
  readonly port?: number;
  readonly protocol?: 'detect' | 'http1' | 'opaque';
  /** `address:port` of each. */
  readonly endpoints: readonly string[];
}

/** One line per service, in YAML's flow style; `more` is text of other keys of the file. */
export function meshFile(services: Readonly<Record<string, ServiceText>>, more = ''): string {
  const lines = Object.entries(services).map(([name, service]) => {
    const { addresses = [], port = 80, protocol = 'detect', endpoints } = service;
    const text = JSON.stringify({ addresses, ports: [{ port, protocol }], endpoints });
    return `  ${name}: ${text}`;
  });
  return `services:\n${lines.join('\n')}\n${more}`;
}

/** A file with a service web (80), whose `more` is in flow style, an api (80) and a db (5432, 5433). */
export function fileWithWeb(more: string): string {
  return `services:
  web: {ports: [80], endpoints: [], ${more}}
  api: {names: [api.mesh], ports: [80], endpoints: []}
  db: {ports: [5432, 5433], endpoints: []}
`;
}
