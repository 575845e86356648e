// What is wrong with a mesh file although every single value is well-formed: things given twice,
// references to nothing, bounds the wrong way round. Runs over files that also have malformed values
// (those are left as they were written, and skipped here), so that all mistakes are told at once.
import { formatHostPort, isUnspecified, type HostPort } from '../core/ip.js';
import { formatPortRange, rangesOverlap, type PortRange } from '../core/ports.js';
import { DEFAULT_BALANCER, DEFAULT_DNS_MAX_TTL_MS, DEFAULT_DNS_MIN_TTL_MS } from './defaults.js';
import { checkIdentity } from './mesh-file-identity.js';
import { checkServiceRoutes } from './mesh-file-routes-checks.js';
import {
  byName,
  checkBounds,
  checkRepeats,
  type Complaints,
  entriesOf,
  field,
  isMapping,
  isServiceReference,
  itemsOf,
  type Path,
  serviceNamed,
  ServiceView,
} from './mesh-file-tree.js';

export function checkMeshFile(file: unknown, complaints: Complaints): void {
  const services = entriesOf(field(file, 'services')).map(([name, value]) => new ServiceView(name, value));
  checkNames(services, complaints);
  checkVirtualAddresses(services, complaints);
  for (const service of services) checkService(service, complaints);
  for (const service of services) checkServiceRoutes(service, byName(services), complaints);
  checkOverlaps(field(file, 'opaquePorts'), ['opaquePorts'], complaints);
  checkOverlaps(field(field(file, 'skip'), 'ports'), ['skip', 'ports'], complaints);
  checkSkippedPorts(file, services, complaints);
  checkForwards(file, services, complaints);
  checkListenAddresses(file, complaints);
  checkBalancer(field(file, 'balancer'), complaints);
  checkIdentity(file, complaints);
}

function checkNames(services: readonly ServiceView[], complaints: Complaints): void {
  const known = new Map<string, { readonly service: ServiceView; readonly path: Path }>();
  for (const service of services) {
    for (const { name, path } of service.names()) {
      const first = known.get(name);
      if (first === undefined) {
        known.set(name, { service, path });
      } else if (first.service !== service || first.path !== service.path) {
        // Repeating the key among a service's own names is harmless; everything else is two meanings.
        complaints.report(path, `"${name}" is already a name of ${complaints.place(first.path)}`);
      }
    }
  }
}

/** Several services may share an address when their ports differ. */
function checkVirtualAddresses(services: readonly ServiceView[], complaints: Complaints): void {
  const known = new Map<string, { readonly service: ServiceView; readonly path: Path }>();
  for (const service of services) {
    const own = new Map<string, Path>();
    for (const { ip, path } of service.addresses()) {
      const twice = own.get(ip);
      if (twice !== undefined) {
        complaints.report(path, `${ip} is given twice, first at ${complaints.place(twice)}`);
        continue;
      }
      own.set(ip, path);
      for (const { port } of service.ports()) {
        const key = formatMaybe(ip, port);
        const first = known.get(key);
        if (first === undefined) {
          known.set(key, { service, path });
        } else if (first.service !== service) {
          complaints.report(path, `${key} is already an address of ${complaints.place(first.path)}`);
        }
      }
    }
  }
}

function checkService(service: ServiceView, complaints: Complaints): void {
  checkRepeats(
    service.ports().map(({ port, path }) => ({ key: String(port), path })),
    'port',
    complaints,
  );
  const endpoints = field(service.value, 'endpoints');
  const dns = field(service.value, 'dns');
  const addresses = itemsOf(endpoints).flatMap(([index, endpoint]) => {
    const address = field(endpoint, 'address');
    return isHostPort(address)
      ? [{ key: formatHostPort(address), path: [...service.path, 'endpoints', index] }]
      : [];
  });
  checkRepeats(addresses, 'endpoint', complaints);
  if (isMapping(service.value) && endpoints === undefined && dns === undefined) {
    complaints.report(service.path, 'needs endpoints or dns');
  }
  if (endpoints !== undefined && dns !== undefined) {
    complaints.report([...service.path, 'dns'], 'stands beside endpoints; only one of them can be used');
  }
  if (isMapping(dns)) checkDns(service, dns, complaints);
}

function checkDns(service: ServiceView, dns: unknown, complaints: Complaints): void {
  const path = [...service.path, 'dns'];
  const srv = field(dns, 'records') === 'srv';
  const port = field(dns, 'port');
  if (srv && port !== undefined) {
    complaints.report([...path, 'port'], 'is not used with srv, whose records have ports');
  }
  if (!srv && port === undefined && service.ports().length > 1) {
    complaints.report(path, 'needs a port, since the service has several');
  }
  const minTtl = field(dns, 'minTtl');
  const maxTtl = field(dns, 'maxTtl');
  const min = minTtl === undefined ? DEFAULT_DNS_MIN_TTL_MS : minTtl;
  const max = maxTtl === undefined ? DEFAULT_DNS_MAX_TTL_MS : maxTtl;
  checkBounds(
    min,
    max,
    [...path, minTtl === undefined ? 'maxTtl' : 'minTtl'],
    ['minTtl', 'maxTtl'],
    complaints,
  );
}

function checkBalancer(balancer: unknown, complaints: Complaints): void {
  const backoffMin = field(balancer, 'backoffMin');
  const backoffMax = field(balancer, 'backoffMax');
  const min = backoffMin === undefined ? DEFAULT_BALANCER.backoffMinMs : backoffMin;
  const max = backoffMax === undefined ? DEFAULT_BALANCER.backoffMaxMs : backoffMax;
  const path = ['balancer', backoffMin === undefined ? 'backoffMax' : 'backoffMin'];
  checkBounds(min, max, path, ['backoffMin', 'backoffMax'], complaints);
}

function checkOverlaps(ranges: unknown, path: Path, complaints: Complaints): void {
  const before: { readonly range: PortRange; readonly path: Path }[] = [];
  for (const [index, range] of itemsOf(ranges)) {
    if (!isPortRange(range)) continue;
    const here = [...path, index];
    const other = before.find((item) => rangesOverlap(item.range, range));
    if (other !== undefined) {
      const [text, otherText] = [formatPortRange(range), formatPortRange(other.range)];
      complaints.report(here, `${text} overlaps ${otherText} at ${complaints.place(other.path)}`);
    }
    before.push({ range, path: here });
  }
}

/** A skipped port is never captured, not even on a virtual address: such a service could not work. */
function checkSkippedPorts(file: unknown, services: readonly ServiceView[], complaints: Complaints): void {
  for (const [index, range] of itemsOf(field(field(file, 'skip'), 'ports'))) {
    if (!isPortRange(range)) continue;
    for (const service of services) {
      if (service.addresses().length === 0) continue;
      const port = service.ports().find((item) => range.first <= item.port && item.port <= range.last);
      if (port === undefined) continue;
      complaints.report(
        ['skip', 'ports', index],
        `has port ${port.port} of ${complaints.place(service.path)}`,
      );
    }
  }
}

function checkForwards(file: unknown, services: readonly ServiceView[], complaints: Complaints): void {
  const known = byName(services);
  for (const [index, forward] of itemsOf(field(file, 'forwards'))) {
    const to = field(forward, 'to');
    if (!isServiceReference(to)) continue;
    const path = ['forwards', index, 'to'];
    const service = serviceNamed(to.service, known, path, complaints);
    if (service === undefined) continue;
    const ports = service.ports().map(({ port }) => port);
    const list = ports.join(', ');
    if (to.port === undefined && ports.length > 1) {
      complaints.report(path, `needs a port: service ${service.key} has ${list}`);
    } else if (to.port !== undefined && ports.length > 0 && !ports.includes(to.port)) {
      complaints.report(path, `has port ${to.port}, but service ${service.key} has ${list}`);
    }
  }
}

function checkListenAddresses(file: unknown, complaints: Complaints): void {
  const candidates: (readonly [Path, unknown])[] = [
    ...itemsOf(field(file, 'forwards')).map(
      ([index, forward]) => [['forwards', index, 'listen'], field(forward, 'listen')] as const,
    ),
    [['httpProxy'], field(file, 'httpProxy')],
    [['admin', 'address'], field(field(file, 'admin'), 'address')],
  ];
  const before: { readonly address: HostPort; readonly path: Path }[] = [];
  for (const [path, address] of candidates) {
    // Port 0 is a different port each time.
    if (!isHostPort(address) || address.port === 0) continue;
    const other = before.find((item) => collide(item.address, address));
    if (other === undefined) before.push({ address, path });
    else complaints.report(path, `${formatHostPort(address)} is taken by ${complaints.place(other.path)}`);
  }
}

function collide(one: HostPort, other: HostPort): boolean {
  if (one.port !== other.port) return false;
  return one.ip === other.ip || isUnspecified(one.ip) || isUnspecified(other.ip);
}

// -------------------------------------------------- reading values of which some may be malformed

function isHostPort(value: unknown): value is HostPort {
  return isMapping(value) && typeof value['ip'] === 'string' && typeof value['port'] === 'number';
}

function isPortRange(value: unknown): value is PortRange {
  return isMapping(value) && typeof value['first'] === 'number' && typeof value['last'] === 'number';
}

/** The address may be malformed (and was complained about): any text will do as a key then. */
function formatMaybe(ip: string, port: number): string {
  return formatHostPort({ ip, port });
}
