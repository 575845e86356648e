// Reading a mesh file of which some values may be malformed: those were complained about, are left as
// they were written, and must not stop the checks of the others.
import { closest } from '../core/closest.js';
import { formatDuration } from '../core/duration.js';

export type Path = readonly (string | number)[];

export interface Complaints {
  /** `path` leads to the value that is wrong. */
  report(path: Path, message: string): void;
  /** Where a value is, for messages that point at a second one: `services.web.ports[0] (line 4)`. */
  place(path: Path): string;
}

export function field(value: unknown, key: string): unknown {
  return isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function entriesOf(value: unknown): [string, unknown][] {
  return isMapping(value) ? Object.entries(value) : [];
}

export function itemsOf(value: unknown): [number, unknown][] {
  return Array.isArray(value) ? [...(value as unknown[]).entries()] : [];
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface ServiceReferenceInFile {
  readonly service: string;
  readonly port: number | undefined;
}

export function isServiceReference(value: unknown): value is ServiceReferenceInFile {
  return isMapping(value) && typeof value['service'] === 'string';
}

/** A service of the file, as far as its values are well-formed. */
export class ServiceView {
  readonly key: string;
  readonly value: unknown;
  readonly path: Path;

  constructor(key: string, value: unknown) {
    this.key = key;
    this.value = value;
    this.path = ['services', key];
  }

  names(): { readonly name: string; readonly path: Path }[] {
    const further = itemsOf(field(this.value, 'names')).flatMap(([index, name]) =>
      typeof name === 'string' ? [{ name, path: [...this.path, 'names', index] }] : [],
    );
    return [{ name: this.key.toLowerCase(), path: this.path }, ...further];
  }

  addresses(): { readonly ip: string; readonly path: Path }[] {
    return itemsOf(field(this.value, 'addresses')).flatMap(([index, ip]) =>
      typeof ip === 'string' ? [{ ip, path: [...this.path, 'addresses', index] }] : [],
    );
  }

  ports(): { readonly port: number; readonly path: Path }[] {
    return itemsOf(field(this.value, 'ports')).flatMap(([index, item]) => {
      const port = field(item, 'port');
      return typeof port === 'number' ? [{ port, path: [...this.path, 'ports', index] }] : [];
    });
  }
}

/** Services by each of their names. */
export type ServicesByName = ReadonlyMap<string, ServiceView>;

export function byName(services: readonly ServiceView[]): ServicesByName {
  return new Map(services.flatMap((item) => item.names().map(({ name }) => [name, item] as const)));
}

/** Complains when there is no such service; answers the one that is named. */
export function serviceNamed(
  name: string,
  services: ServicesByName,
  path: Path,
  complaints: Complaints,
): ServiceView | undefined {
  const service = services.get(name);
  if (service !== undefined) return service;
  const meant = closest(name, services.keys());
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  complaints.report(path, `names "${name}", which is not a service of this file${hint}`);
  return undefined;
}

export function checkBounds(
  min: unknown,
  max: unknown,
  path: Path,
  [minName, maxName]: readonly [string, string],
  complaints: Complaints,
): void {
  if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return;
  complaints.report(
    path,
    `makes ${minName} (${formatDuration(min)}) larger than ${maxName} (${formatDuration(max)})`,
  );
}

/** `min` and `max` of a back-off that may lack either. */
export function checkBackoff(
  backoff: unknown,
  defaults: { readonly minMs: number; readonly maxMs: number },
  path: Path,
  complaints: Complaints,
): void {
  const min = field(backoff, 'min');
  const max = field(backoff, 'max');
  checkBounds(
    min === undefined ? defaults.minMs : min,
    max === undefined ? defaults.maxMs : max,
    [...path, min === undefined ? 'max' : 'min'],
    ['min', 'max'],
    complaints,
  );
}

export function checkRepeats(
  items: readonly { readonly key: string; readonly path: Path }[],
  what: string,
  complaints: Complaints,
): void {
  const known = new Map<string, Path>();
  for (const { key, path } of items) {
    const first = known.get(key);
    if (first === undefined) known.set(key, path);
    else complaints.report(path, `${what} ${key} is given twice, first at ${complaints.place(first)}`);
  }
}
