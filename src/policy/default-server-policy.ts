// Policies of inbound ports that the control plane has not spoken of (reference, behaviour §3.2).
import { deepFreeze } from '../core/freeze.js';
import type { Network } from '../core/ip.js';
import { defaultServerRoute } from './read-server-policy.js';
import { builtIn } from './resource-info.js';
import type {
  ClientAuthentication,
  DefaultPolicyName,
  ServerAuthorization,
  ServerPolicy,
} from './server-policy.js';

export interface DefaultPolicySettings {
  readonly name: DefaultPolicyName;
  readonly clusterNetworks: readonly Network[];
  readonly detectTimeoutMs: number;
  /** Connections to the port are not looked into. */
  readonly opaque: boolean;
}

const ALL_NETWORKS: readonly Network[] = [
  { ip: '0.0.0.0', prefixLength: 0 },
  { ip: '::', prefixLength: 0 },
];

/** Anybody who has an identity in the form of a DNS name. */
const AUTHENTICATED: ClientAuthentication = { kind: 'identity', identities: [], suffixes: [''] };

export function defaultServerPolicy(settings: DefaultPolicySettings): ServerPolicy {
  const { name, detectTimeoutMs, opaque } = settings;
  const meta = builtIn(name);
  const authorizations = authorizationsOf(settings);
  return deepFreeze<ServerPolicy>({
    meta,
    protocol:
      opaque || name === 'deny'
        ? { kind: 'opaque', connections: authorizations }
        : {
            kind: 'detect',
            timeoutMs: detectTimeoutMs,
            routes: [defaultServerRoute(authorizations)],
            rateLimit: undefined,
            connections: authorizations,
          },
    misconfiguration: undefined,
    notes: [],
  });
}

function authorizationsOf({ name, clusterNetworks }: DefaultPolicySettings): readonly ServerAuthorization[] {
  if (name === 'deny') return [];
  const networks = name.startsWith('cluster-') ? clusterNetworks : ALL_NETWORKS;
  // A cluster without networks has no clients.
  if (networks.length === 0) return [];
  return [
    {
      meta: builtIn(name),
      networks: networks.map((network) => ({ network, except: [] })),
      authentication: name.endsWith('-authenticated') ? AUTHENTICATED : { kind: 'anyone' },
      audit: name === 'audit',
    },
  ];
}
