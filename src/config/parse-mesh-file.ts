// From the text of a mesh file to a MeshConfig, or to every mistake in it at once, each with file,
// line, column and path. Knows nothing of files and of time: see mesh-file-watcher.ts.
import * as v from 'valibot';
import { isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';

import { containsPort } from '../core/ports.js';
import { failure, success, type Result } from '../core/result.js';
import {
  DEFAULT_BALANCER,
  DEFAULT_DNS_MAX_TTL_MS,
  DEFAULT_DNS_MIN_TTL_MS,
  DEFAULT_OPAQUE_PORTS,
  DEFAULT_TIMEOUTS,
} from './defaults.js';
import type {
  DnsEndpointsConfig,
  ForwardConfig,
  MeshConfig,
  PortRange,
  ServiceConfig,
} from './mesh-config.js';
import { checkMeshFile } from './mesh-file-checks.js';
import { buildCircuitBreaker, buildHttp2Keepalive, buildLoadPenalty } from './mesh-file-endpoints.js';
import { buildIdentity } from './mesh-file-identity.js';
import { keyText, pathText, positionOf } from './mesh-file-position.js';
import { buildRoute, buildTcpRoute, type KeyOf } from './mesh-file-routes.js';
import { meshFileSchema, type MeshFile, type ServiceInFile } from './mesh-file-schema.js';
import type { Path } from './mesh-file-tree.js';

export interface MeshFileError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Such as `services.web.endpoints[2]`; empty when the text is no YAML. */
  readonly path: string;
  readonly message: string;
}

/** `mesh.yaml:3:7: services.web.ports[0] must be …`. */
export function formatMeshFileError(error: MeshFileError): string {
  const subject = error.path === '' ? '' : `${error.path} `;
  return `${error.file}:${String(error.line)}:${String(error.column)}: ${subject}${error.message}`;
}

/** Names that a plain JavaScript object cannot hold safely; nobody needs them as keys. */
const RESERVED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** `file` is only used to say where mistakes are. */
export function parseMeshFile(text: string, file: string): Result<MeshConfig, readonly MeshFileError[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const errors: MeshFileError[] = [];

  const complain = (offset: number, path: string, message: string): void => {
    const { line, col } = lines.linePos(offset);
    errors.push({ file, line, column: col, path, message });
  };
  const report = (path: Path, message: string, which: 'key' | 'value' = 'value'): void => {
    errors.push({ file, ...positionOf(document, lines, path, which), path: pathText(path), message });
  };

  for (const problem of [...document.errors, ...document.warnings]) {
    complain(problem.pos[0], '', problem.message);
  }
  checkKeys(document, complain);
  // A tree of half a document would bring up mistakes that are none.
  if (errors.length > 0) return failure(inOrder(errors));
  const tree = plainValue(document, complain);
  if (errors.length > 0) return failure(inOrder(errors));
  if (tree === undefined || tree === null) {
    complain(0, '', 'the file is empty; a mesh without services is written as {}');
    return failure(errors);
  }

  const parsed = v.safeParse(meshFileSchema, tree);
  for (const issue of parsed.issues ?? []) {
    const path = pathOf(issue);
    const aboutKey = issue.type === 'strict_object' && issue.expected === 'never';
    report(path, issue.message, aboutKey || issue.path?.at(-1)?.origin === 'key' ? 'key' : 'value');
  }
  checkMeshFile(parsed.output, {
    report,
    place: (path) => `${pathText(path)} (line ${String(positionOf(document, lines, path, 'value').line)})`,
  });
  if (!parsed.success || errors.length > 0) return failure(inOrder(errors));
  return success(freeze(buildConfig(parsed.output)));
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).map((item) => (typeof item.key === 'number' ? item.key : String(item.key)));
}

/** Keys must be words: everything else would be turned into text silently. */
function checkKeys(
  document: Document,
  complain: (offset: number, path: string, message: string) => void,
): void {
  visit(document, {
    Pair: (_, pair) => {
      const offset = (pair.key as { range?: readonly number[] } | null)?.range?.[0] ?? 0;
      if (!isScalar(pair.key) || pair.key.value === null) complain(offset, '', 'a key must be a word');
      else if (RESERVED_KEYS.has(keyText(pair.key)))
        complain(offset, '', `"${keyText(pair.key)}" cannot be a key`);
    },
  });
}

function plainValue(
  document: Document,
  complain: (offset: number, path: string, message: string) => void,
): unknown {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    // An alias without anchor, or aliases that multiply beyond the library's limit.
    complain(0, '', error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function inOrder(errors: readonly MeshFileError[]): readonly MeshFileError[] {
  return errors.toSorted((one, other) => one.line - other.line || one.column - other.column);
}

function buildConfig(file: MeshFile): MeshConfig {
  const opaquePorts = file.opaquePorts ?? DEFAULT_OPAQUE_PORTS;
  const written = Object.entries(file.services ?? {});
  const keys = new Map(
    written.flatMap(([key, { names = [] }]) =>
      [key.toLowerCase(), ...names].map((name) => [name, key.toLowerCase()] as const),
    ),
  );
  const keyOf: KeyOf = (name) => keys.get(name) ?? name;
  const services = written.map(([name, service]) => buildService(name, service, opaquePorts, keyOf));
  const { timeouts = {}, balancer = {}, skip = {}, admin = {} } = file;
  return {
    services,
    opaquePorts,
    skip: { ports: skip.ports ?? [], networks: skip.networks ?? [], loopback: skip.loopback ?? false },
    forwards: (file.forwards ?? []).map(({ listen, to }) => ({ listen, to: resolveForward(to, services) })),
    httpProxy: file.httpProxy,
    timeouts: {
      connectMs: timeouts.connect ?? DEFAULT_TIMEOUTS.connectMs,
      detectMs: timeouts.detect ?? DEFAULT_TIMEOUTS.detectMs,
      responseMs: timeouts.response ?? DEFAULT_TIMEOUTS.responseMs,
      requestHeadMs: timeouts.requestHead ?? DEFAULT_TIMEOUTS.requestHeadMs,
      clientIdleMs: timeouts.clientIdle ?? DEFAULT_TIMEOUTS.clientIdleMs,
      poolIdleMs: timeouts.poolIdle ?? DEFAULT_TIMEOUTS.poolIdleMs,
      halfCloseMs: timeouts.halfClose ?? DEFAULT_TIMEOUTS.halfCloseMs,
      failFastMs: timeouts.failFast ?? DEFAULT_TIMEOUTS.failFastMs,
      discoveryMs: timeouts.discovery ?? DEFAULT_TIMEOUTS.discoveryMs,
      keepaliveMs: timeouts.keepalive ?? DEFAULT_TIMEOUTS.keepaliveMs,
      userTimeoutMs: timeouts.userTimeout ?? DEFAULT_TIMEOUTS.userTimeoutMs,
      destinationIdleMs: timeouts.destinationIdle ?? DEFAULT_TIMEOUTS.destinationIdleMs,
      drainMs: timeouts.drain ?? DEFAULT_TIMEOUTS.drainMs,
    },
    balancer: {
      defaultRttMs: balancer.defaultRtt ?? DEFAULT_BALANCER.defaultRttMs,
      decayMs: balancer.decay ?? DEFAULT_BALANCER.decayMs,
      backoffMinMs: balancer.backoffMin ?? DEFAULT_BALANCER.backoffMinMs,
      backoffMaxMs: balancer.backoffMax ?? DEFAULT_BALANCER.backoffMaxMs,
      backoffJitter: balancer.backoffJitter ?? DEFAULT_BALANCER.backoffJitter,
      queueCapacity: balancer.queueCapacity ?? DEFAULT_BALANCER.queueCapacity,
      poolMaxIdle: balancer.poolMaxIdle ?? DEFAULT_BALANCER.poolMaxIdle,
    },
    http2Keepalive: buildHttp2Keepalive(file.http2Keepalive),
    admin: { address: admin.address, shutdown: admin.shutdown ?? false },
    identity: buildIdentity(file.identity),
  };
}

function buildService(
  key: string,
  service: ServiceInFile,
  opaquePorts: readonly PortRange[],
  keyOf: KeyOf,
): ServiceConfig {
  const name = key.toLowerCase();
  const ports = service.ports.map(({ port, protocol }) => ({
    port,
    protocol: protocol ?? (containsPort(opaquePorts, port) ? ('opaque' as const) : ('detect' as const)),
  }));
  return {
    name,
    names: [...new Set([name, ...(service.names ?? [])])],
    addresses: service.addresses ?? [],
    ports,
    endpoints: (service.endpoints ?? []).map(({ address, weight, labels }) => ({
      address,
      weight: weight ?? 1,
      labels: labels ?? {},
    })),
    dns: service.dns === undefined ? undefined : buildDns(service.dns, ports[0]?.port),
    labels: service.labels ?? {},
    endpointProtocol: service.endpointProtocol ?? 'as-client',
    http2Keepalive: buildHttp2Keepalive(service.http2Keepalive),
    circuitBreaker: buildCircuitBreaker(service.circuitBreaker),
    loadPenalty: buildLoadPenalty(service.loadPenalty),
    routes: (service.routes ?? []).map((route, index) => buildRoute(route, index, keyOf)),
    tcp: service.tcp === undefined ? undefined : buildTcpRoute(service.tcp, keyOf),
  };
}

function buildDns(dns: NonNullable<ServiceInFile['dns']>, onlyPort: number | undefined): DnsEndpointsConfig {
  const records = dns.records ?? 'a+aaaa';
  return {
    name: dns.name,
    records,
    port: records === 'srv' ? undefined : (dns.port ?? onlyPort),
    minTtlMs: dns.minTtl ?? DEFAULT_DNS_MIN_TTL_MS,
    maxTtlMs: dns.maxTtl ?? DEFAULT_DNS_MAX_TTL_MS,
  };
}

/** The checks have seen to it that the service exists and which port is meant. */
function resolveForward(
  to: NonNullable<MeshFile['forwards']>[number]['to'],
  services: readonly ServiceConfig[],
): ForwardConfig['to'] {
  if ('ip' in to) return to;
  const service = services.find((item) => item.names.includes(to.service));
  return { service: service?.name ?? to.service, port: to.port ?? service?.ports[0]?.port ?? 0 };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
