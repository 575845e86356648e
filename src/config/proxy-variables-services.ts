// Variables of `sluice proxy` about the control plane: discovery, policy, identity (reference, proxy
// behaviour §1.6, §1.7 and §1.9).
import {
  dnsName,
  dnsSuffixes,
  identity,
  identityName,
  networks,
  portRanges,
  serviceAddress,
  type ServiceAddress,
} from './proxy-address-values.js';
import { decimal, duration, optionalDuration, path, pem, text, unixSocket, word } from './proxy-values.js';
import { type BackoffVariables, defaulted, type ProxyVariable, variable } from './proxy-variable.js';

/** A controller and who it must prove to be. */
export interface ServiceVariables {
  readonly address: ProxyVariable<ServiceAddress>;
  readonly name: ProxyVariable<string>;
}

function serviceVariables(base: string, what: string, absent: string): ServiceVariables {
  return {
    address: variable(`${base}_SVC_ADDR`, serviceAddress, absent, what),
    name: variable(
      `${base}_SVC_NAME`,
      dnsName,
      `${absent}, unless on loopback`,
      'its identity and the server name sent to it; on loopback it is ignored and the connection is in clear',
      { effect: 'later' },
    ),
  };
}

export const DEFAULT_POLICIES = [
  'deny',
  'all-authenticated',
  'all-unauthenticated',
  'cluster-authenticated',
  'cluster-unauthenticated',
  'audit',
] as const;

export const DESTINATION_VARIABLES = {
  service: serviceVariables('DESTINATION', 'the destination controller', 'required'),
  context: defaulted('DESTINATION_CONTEXT', text, '', 'sent with every question to it, as it is'),
  profileSuffixes: defaulted(
    'DESTINATION_PROFILE_SUFFIXES',
    dnsSuffixes,
    'svc.cluster.local.',
    'names that may have a profile; `.`: every name',
  ),
  profileNetworks: defaulted(
    'DESTINATION_PROFILE_NETWORKS',
    networks,
    '',
    'networks whose addresses are asked for; others are forwarded to as they are',
  ),
  profileTimeout: defaulted(
    'DESTINATION_PROFILE_INITIAL_TIMEOUT',
    duration,
    '500ms',
    'how long an incoming request waits for a profile',
  ),
  streamInitial: variable(
    'CONTROL_STREAM_INITIAL_TIMEOUT',
    optionalDuration,
    'unset',
    'longest wait for the first answer of a controller that is not on loopback; at most the next two',
  ),
  streamIdle: variable(
    'CONTROL_STREAM_IDLE_TIMEOUT',
    optionalDuration,
    'unset',
    'longest silence of such a controller; at most the next',
  ),
  streamLifetime: variable(
    'CONTROL_STREAM_LIFETIME',
    optionalDuration,
    'unset',
    'a question to such a controller is asked anew after this time',
  ),
};

export const POLICY_VARIABLES = {
  service: serviceVariables('POLICY', 'the policy controller', 'required'),
  workload: variable('POLICY_WORKLOAD', text, 'required', 'sent with every question to it, as it is'),
  clusterNetworks: defaulted(
    'POLICY_CLUSTER_NETWORKS',
    networks,
    '',
    'networks that the `cluster-` policies allow',
  ),
  defaultPolicy: defaulted(
    'INBOUND_DEFAULT_POLICY',
    word(...DEFAULT_POLICIES),
    'all-unauthenticated',
    'policy of a port until the controller has answered; `cluster-` ones and `audit` need POLICY_CLUSTER_NETWORKS; a warning when not set',
  ),
  ports: defaulted(
    'INBOUND_PORTS',
    portRanges,
    '',
    'ports whose policy is asked for at the start and always kept',
  ),
  opaquePorts: defaulted(
    'INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION',
    portRanges,
    '',
    'ports that are opaque until the controller says otherwise',
  ),
  gatewaySuffixes: defaulted(
    'INBOUND_GATEWAY_SUFFIXES',
    dnsSuffixes,
    '',
    'names that this proxy is a gateway for',
    {
      effect: 'later',
    },
  ),
};

const LATER = { effect: 'later' } as const;
// The doubled prefix is what linkerd2-proxy reads.
const SPIRE_BACKOFF = 'LINKERD2_PROXY_IDENTITY_SPIRE_EXP_BACKOFF';

const SPIRE_BACKOFF_VARIABLES: BackoffVariables = {
  min: variable(`${SPIRE_BACKOFF}_MIN`, duration, '100ms', 'first wait before SPIRE is tried again', LATER),
  max: variable(`${SPIRE_BACKOFF}_MAX`, duration, '1s', 'longest such wait', LATER),
  jitter: variable(`${SPIRE_BACKOFF}_JITTER`, decimal, '0.1', 'random extra as a part of such a wait', LATER),
};

export const IDENTITY_VARIABLES = {
  disabled: variable('IDENTITY_DISABLED', text, 'unset', 'must be empty: identity cannot be switched off'),
  trustAnchors: variable(
    'IDENTITY_TRUST_ANCHORS',
    pem,
    'required',
    'certificates that peers and controllers descend from',
    {
      effect: 'later',
      mayHoldSecret: true,
    },
  ),
  localName: variable(
    'IDENTITY_LOCAL_NAME',
    identityName,
    'required, unless the next two are set',
    'identity and server name of this proxy; wins over the next two',
  ),
  serverId: variable('IDENTITY_SERVER_ID', identity, 'unset', 'identity of this proxy'),
  serverName: variable(
    'IDENTITY_SERVER_NAME',
    dnsName,
    'unset',
    'server name that peers send; as the identity, unless SPIRE gives it',
  ),
  directory: variable(
    'IDENTITY_DIR',
    path,
    'required without SPIRE',
    'directory with `csr.der` and `key.p8`, neither of them empty',
  ),
  tokenFile: variable(
    'IDENTITY_TOKEN_FILE',
    path,
    'required without SPIRE',
    'file with the token that proves who this is; read again whenever it is needed',
    { mayHoldSecret: true },
  ),
  service: serviceVariables('IDENTITY', 'the identity controller', 'required without SPIRE'),
  minRefresh: defaulted('IDENTITY_MIN_REFRESH', duration, '10s', 'a certificate is renewed no sooner'),
  maxRefresh: defaulted('IDENTITY_MAX_REFRESH', duration, '24h', 'a certificate is renewed no later'),
  spire: variable(
    'IDENTITY_SPIRE_WORKLOAD_API_ADDRESS',
    unixSocket,
    'unset',
    'socket of SPIRE, which then gives the identity, a `spiffe://` one',
    LATER,
  ),
  spireOldName: variable(
    'IDENTITY_SPIRE_SOCKET',
    unixSocket,
    'unset',
    'the same, by its older name; a warning',
    LATER,
  ),
  spireBackoff: SPIRE_BACKOFF_VARIABLES,
};
