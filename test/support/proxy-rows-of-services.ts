// Rows for the variables of `sluice proxy` about the control plane.
import { type ProxyConfig } from '../../src/config/proxy-config.js';
import { IDENTITY_DIRECTORY, TOKEN_FILE, TRUST_ANCHORS } from './proxy-environments.js';
import { PREFIX, REFUSED, row, service, type VariableRow } from './proxy-variable-rows.js';

/** One setting of how certificates come from the identity controller. */
function ofIssuer(key: string): VariableRow['of'] {
  return ({ identity }) => (identity.certificates as unknown as Record<string, unknown>)[key];
}

const SPIRE_ID = {
  LINKERD2_PROXY_IDENTITY_SERVER_ID: 'spiffe://root/web',
  LINKERD2_PROXY_IDENTITY_SERVER_NAME: 'web.demo',
};
const SPIRE = { ...SPIRE_ID, LINKERD2_PROXY_IDENTITY_SPIRE_WORKLOAD_API_ADDRESS: 'unix:/run/spire' };
const WITHOUT_LOCAL_NAME = ['LINKERD2_PROXY_IDENTITY_LOCAL_NAME'];
const SPIRE_BACKOFF = 'LINKERD2_PROXY_IDENTITY_SPIRE_EXP_BACKOFF_';
const DEFAULT_SPIRE_BACKOFF = { minMs: 100, maxMs: 1000, jitter: 0.1 };
const BY_SPIRE = { kind: 'spire', socketPath: '/run/spire', backoff: DEFAULT_SPIRE_BACKOFF };
const certificates = (config: ProxyConfig): unknown => config.identity.certificates;

export const ROWS_OF_SERVICES: readonly VariableRow[] = [
  ...service('DESTINATION', (c) => c.destination.controller),
  ...service('POLICY', (c) => c.policy.controller),
  row('DESTINATION_CONTEXT', '{"ns":"x"}\n', '{"ns":"x"}\n', (c) => c.destination.context, '', undefined),
  row(
    'DESTINATION_PROFILE_SUFFIXES',
    '.',
    [''],
    (c) => c.destination.profileSuffixes,
    ['svc.cluster.local'],
    'a..b',
  ),
  row(
    'DESTINATION_PROFILE_NETWORKS',
    'fd00::/8',
    [{ ip: 'fd00::', prefixLength: 8 }],
    (c) => c.destination.profileNetworks,
    [],
    '10.0.0.0',
  ),
  row('DESTINATION_PROFILE_INITIAL_TIMEOUT', '1s', 1000, (c) => c.inbound.profileTimeoutMs, 500, ''),
  row('CONTROL_STREAM_INITIAL_TIMEOUT', '3s', 3000, (c) => c.streamLimits.initialMs, undefined, '3'),
  row('CONTROL_STREAM_IDLE_TIMEOUT', '5m', 300_000, (c) => c.streamLimits.idleMs, undefined, 'x'),
  row('CONTROL_STREAM_LIFETIME', '1h', 3_600_000, (c) => c.streamLimits.lifetimeMs, undefined, '1w'),
  row('POLICY_WORKLOAD', 'ns:pod', 'ns:pod', (c) => c.policy.workload, REFUSED, undefined),
  row(
    'POLICY_CLUSTER_NETWORKS',
    '10.0.0.0/8',
    [{ ip: '10.0.0.0', prefixLength: 8 }],
    (c) => c.policy.clusterNetworks,
    [],
    'cluster',
  ),
  row(
    'INBOUND_DEFAULT_POLICY',
    'deny',
    'deny',
    (c) => c.inbound.defaultPolicy,
    'all-unauthenticated',
    'allow',
  ),
  row(
    'INBOUND_PORTS',
    '80,90-91',
    [
      { first: 80, last: 80 },
      { first: 90, last: 91 },
    ],
    (c) => c.inbound.ports,
    [],
    'http',
  ),
  row(
    'INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION',
    '25',
    [{ first: 25, last: 25 }],
    (c) => c.inbound.opaquePorts,
    [],
    '25-',
  ),
  row(
    'INBOUND_GATEWAY_SUFFIXES',
    'svc.cluster.local.',
    ['svc.cluster.local'],
    (c) => c.inbound.gatewaySuffixes,
    [],
    '-',
  ),
  row('IDENTITY_DISABLED', '', 'web.demo', (c) => c.identity.serverName.slice(0, 8), 'web.demo', 'x'),
  row('IDENTITY_TRUST_ANCHORS', TRUST_ANCHORS, TRUST_ANCHORS, (c) => c.identity.trustAnchorsPem, REFUSED, ''),
  row(
    'IDENTITY_LOCAL_NAME',
    'me.demo',
    ['me.demo', 'me.demo'],
    (c) => [c.identity.id.id, c.identity.serverName],
    REFUSED,
    'me.demo.',
  ),
  row(
    'IDENTITY_SERVER_ID',
    'me.demo',
    { kind: 'dns', id: 'me.demo' },
    (c) => c.identity.id,
    REFUSED,
    'me demo',
    { beside: { LINKERD2_PROXY_IDENTITY_SERVER_NAME: 'me.demo' }, without: WITHOUT_LOCAL_NAME },
  ),
  row('IDENTITY_SERVER_NAME', 'me.demo', 'me.demo', (c) => c.identity.serverName, REFUSED, '', {
    beside: { LINKERD2_PROXY_IDENTITY_SERVER_ID: 'me.demo' },
    without: WITHOUT_LOCAL_NAME,
  }),
  row('IDENTITY_DIR', IDENTITY_DIRECTORY, IDENTITY_DIRECTORY, ofIssuer('directory'), REFUSED, '/nowhere'),
  row('IDENTITY_TOKEN_FILE', TOKEN_FILE, TOKEN_FILE, ofIssuer('tokenFile'), REFUSED, '/nowhere'),
  ...service('IDENTITY', ofIssuer('controller')),
  row('IDENTITY_MIN_REFRESH', '0', 0, ofIssuer('minRefreshMs'), 10_000, ''),
  row('IDENTITY_MAX_REFRESH', '1h', 3_600_000, ofIssuer('maxRefreshMs'), 86_400_000, '1'),
  row('IDENTITY_SPIRE_WORKLOAD_API_ADDRESS', 'unix:/run/spire', BY_SPIRE, certificates, REFUSED, 'unix:', {
    beside: SPIRE_ID,
    without: WITHOUT_LOCAL_NAME,
  }),
  row('IDENTITY_SPIRE_SOCKET', '/run/spire', BY_SPIRE, certificates, REFUSED, '', {
    beside: SPIRE_ID,
    without: WITHOUT_LOCAL_NAME,
  }),
  row(
    `${SPIRE_BACKOFF}MIN`,
    '1s',
    { minMs: 1000, maxMs: 1000, jitter: 0 },
    ofIssuer('backoff'),
    REFUSED,
    '2s',
    { beside: { ...SPIRE, [`${PREFIX}${SPIRE_BACKOFF}MAX`]: '1s' }, without: WITHOUT_LOCAL_NAME },
  ),
  row(
    `${SPIRE_BACKOFF}MAX`,
    '2s',
    { minMs: 1000, maxMs: 2000, jitter: 0 },
    ofIssuer('backoff'),
    REFUSED,
    '1',
    { beside: { ...SPIRE, [`${PREFIX}${SPIRE_BACKOFF}MIN`]: '1s' }, without: WITHOUT_LOCAL_NAME },
  ),
  row(
    `${SPIRE_BACKOFF}JITTER`,
    '1',
    { minMs: 1, maxMs: 2, jitter: 1 },
    ofIssuer('backoff'),
    { minMs: 1, maxMs: 2, jitter: 0 },
    '-1',
    {
      beside: { ...SPIRE, [`${PREFIX}${SPIRE_BACKOFF}MIN`]: '1ms', [`${PREFIX}${SPIRE_BACKOFF}MAX`]: '2ms' },
      without: WITHOUT_LOCAL_NAME,
    },
  ),
];
