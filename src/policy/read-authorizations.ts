// Who is allowed to an inbound port, from messages of the API (reference, behaviour §3.2, §3.7, wire API §3
// inbound).
import type {
  Authn,
  Authz,
  HttpLocalRateLimit,
  Identity,
  Network as NetworkMessage,
} from '../api/gen/inbound_pb.js';
import { toNetwork } from '../api/net-values.js';
import { readInboundMetadata, readLabels } from './read-metadata.js';
import type { Reading } from './reading.js';
import { builtIn, isBuiltIn } from './resource-info.js';
import type {
  ClientAuthentication,
  NetworkMatch,
  ServerAuthorization,
  ServerRateLimit,
} from './server-policy.js';

/** Name of the built-in policy whose requests and connections are logged. */
const AUDIT = 'audit';

export function readAuthorizations(
  reading: Reading,
  path: string,
  messages: readonly Authz[],
): readonly ServerAuthorization[] {
  return messages.map((message, index) => readAuthorization(reading, `${path}[${String(index)}]`, message));
}

function readAuthorization(reading: Reading, path: string, message: Authz): ServerAuthorization {
  const meta =
    message.metadata === undefined
      ? readLabels(reading, `${path}.labels`, message.labels, 'serverauthorization')
      : readInboundMetadata(reading, `${path}.metadata`, message.metadata);
  if (message.networks.length === 0) reading.fail(`${path}.networks`, 'is empty');
  return {
    meta,
    networks: message.networks.flatMap(
      (network, index) => readNetwork(reading, `${path}.networks[${String(index)}]`, network) ?? [],
    ),
    authentication: readAuthentication(reading, `${path}.authentication`, message.authentication),
    audit: isBuiltIn(meta) && meta.name === AUDIT,
  };
}

function readNetwork(
  reading: Reading,
  path: string,
  { net, except }: NetworkMessage,
): NetworkMatch | undefined {
  const network = toNetwork(net);
  if (network === undefined) reading.fail(`${path}.net`, 'is no network');
  const exceptions = except.flatMap((message, index) => {
    const exception = toNetwork(message);
    if (exception === undefined) reading.fail(`${path}.except[${String(index)}]`, 'is no network');
    return exception ?? [];
  });
  return network === undefined ? undefined : { network, except: exceptions };
}

function readAuthentication(
  reading: Reading,
  path: string,
  message: Authn | undefined,
): ClientAuthentication {
  const permit = message?.permit;
  switch (permit?.case) {
    case 'unauthenticated':
      return { kind: 'anyone' };
    case 'meshTLS': {
      const { clients } = permit.value;
      if (clients.case === undefined) reading.fail(`${path}.meshTLS`, 'has no clients');
      if (clients.case !== 'identities') return { kind: 'meshTls' };
      const { identities, suffixes } = clients.value;
      return {
        kind: 'identity',
        identities: namesOf(identities),
        suffixes: suffixes.map(({ parts }) => parts.join('.')),
      };
    }
    case undefined:
      reading.fail(path, 'is missing');
      return { kind: 'identity', identities: [], suffixes: [] };
  }
}

/** Nobody is called nothing. */
function namesOf(identities: readonly Identity[]): readonly string[] {
  return identities.map(({ name }) => name).filter((name) => name !== '');
}

/** Undefined when it limits nothing. A limit of 0 is none. */
export function readRateLimit(
  reading: Reading,
  path: string,
  message: HttpLocalRateLimit | undefined,
): ServerRateLimit | undefined {
  if (message === undefined) return undefined;
  const meta =
    message.metadata === undefined
      ? builtIn('')
      : readInboundMetadata(reading, `${path}.metadata`, message.metadata);
  const total = message.total?.requestsPerSecond ?? 0;
  const perIdentity = message.identity?.requestsPerSecond ?? 0;
  const overrides = readOverrides(message);
  return total === 0 && perIdentity === 0 && overrides.length === 0
    ? undefined
    : { meta, total, perIdentity, overrides };
}

/** Each client is in one of them: in the last that names it. */
function readOverrides(message: HttpLocalRateLimit): ServerRateLimit['overrides'] {
  const limits = message.overrides.map(({ limit, clients }) => ({
    perSecond: limit?.requestsPerSecond ?? 0,
    identities: namesOf(clients?.identities ?? []),
  }));
  const effective = limits.filter(({ perSecond }) => perSecond > 0);
  const owner = new Map(
    effective.flatMap(({ identities }, index) => identities.map((name) => [name, index] as const)),
  );
  return effective
    .map(({ perSecond, identities }, index) => ({
      perSecond,
      identities: [...new Set(identities)].filter((name) => owner.get(name) === index),
    }))
    .filter(({ identities }) => identities.length > 0);
}
