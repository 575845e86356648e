// Names of resources from messages of the API (reference, wire API §3 meta, §4; behaviour §15).
import type { Metadata } from '../api/gen/meta_pb.js';
import { LARGEST_PORT } from '../core/ip.js';
import type { Reading } from './reading.js';
import { builtIn, type ResourceInfo } from './resource-info.js';

/** Of outbound policies: a resource has a group, a kind, a namespace and a name. */
export function readMetadata(reading: Reading, path: string, message: Metadata | undefined): ResourceInfo {
  const info = readInboundMetadata(reading, path, message);
  if (message?.kind.case !== 'resource') return info;
  for (const field of ['group', 'kind', 'name', 'namespace'] as const) {
    if (info[field] === '') reading.fail(`${path}.resource.${field}`, 'is empty');
  }
  return info;
}

/** Of inbound policies: only that there is one is asked. */
export function readInboundMetadata(
  reading: Reading,
  path: string,
  message: Metadata | undefined,
): ResourceInfo {
  switch (message?.kind.case) {
    case 'default':
      return builtIn(message.kind.value);
    case 'resource': {
      const { group, kind, namespace, name, port, section } = message.kind.value;
      const known = port > 0 && port <= LARGEST_PORT;
      return { group, kind, namespace, name, port: known ? String(port) : '', section };
    }
    case undefined:
      reading.fail(path, 'is missing');
      return builtIn('');
  }
}

/** Where older controllers have labels in place of metadata; `kind` unless they say another. */
export function readLabels(
  reading: Reading,
  path: string,
  labels: Readonly<Record<string, string>>,
  kind: string,
): ResourceInfo {
  const { name } = labels;
  if (name === undefined) reading.fail(`${path}[name]`, 'is missing');
  const legacy = /^default:(.*)$/s.exec(name ?? '')?.[1];
  if (legacy !== undefined) return builtIn(legacy);
  return {
    group: labels['group'] ?? 'policy.linkerd.io',
    kind: labels['kind'] ?? kind,
    namespace: '',
    name: name ?? '',
    port: '',
    section: '',
  };
}
