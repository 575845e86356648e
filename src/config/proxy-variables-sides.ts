// Variables of `sluice proxy` that exist for incoming and for outgoing traffic, or for one of them
// (reference, proxy behaviour §1.5).
import { ipSet } from './proxy-address-values.js';
import { http2ServerVariables, type Http2ServerVariables } from './proxy-variables-http2.js';
import { bool, count, decimal, duration, u32, word } from './proxy-values.js';
import {
  type BackoffVariables,
  defaulted,
  type DefaultedVariable,
  type ProxyVariable,
  variable,
} from './proxy-variable.js';

/** Every variable that both sides have. */
export interface SideVariables {
  readonly detectTimeout: DefaultedVariable<number>;
  readonly connectTimeout: DefaultedVariable<number>;
  readonly httpQueue: DefaultedVariable<number>;
  readonly httpFailfast: DefaultedVariable<number>;
  readonly acceptKeepalive: ProxyVariable<number>;
  readonly acceptUserTimeout: ProxyVariable<number>;
  readonly connectKeepalive: ProxyVariable<number>;
  readonly connectUserTimeout: ProxyVariable<number>;
  readonly backlog: ProxyVariable<number>;
  readonly maxIdle: DefaultedVariable<number>;
  readonly poolIdle: DefaultedVariable<number>;
  readonly maxInFlight: DefaultedVariable<number>;
  readonly discoveryIdle: DefaultedVariable<number>;
  readonly backoff: BackoffVariables;
  readonly http2Server: Http2ServerVariables;
}

/** What differs between the sides. */
interface SideDefaults {
  readonly connectTimeout: string;
  readonly failfastTimeout: string;
  readonly backoffMax: string;
  readonly discoveryIdle: string;
  readonly maxIdleName: string;
  /** `incoming` or `outgoing`. */
  readonly which: string;
  readonly connectsTo: string;
}

function backoffVariables(base: string, min: string, max: string): BackoffVariables {
  return {
    min: variable(`${base}_MIN`, duration, min, 'first wait before a new attempt; only together with `MAX`'),
    max: variable(`${base}_MAX`, duration, max, 'longest wait; only together with `MIN`'),
    jitter: variable(
      `${base}_JITTER`,
      decimal,
      '0.1',
      'random extra as a part of a wait, 0 to 100; 0 when only the bounds are set',
    ),
  };
}

function sideVariables(side: string, its: SideDefaults): SideVariables {
  const accepted = `on accepted connections, ${its.which}`;
  const dialled = `on connections to ${its.connectsTo}`;
  return {
    detectTimeout: defaulted(
      `${side}_DETECT_TIMEOUT`,
      duration,
      '10s',
      `longest wait for bytes that tell the protocol, ${its.which}`,
    ),
    connectTimeout: defaulted(
      `${side}_CONNECT_TIMEOUT`,
      duration,
      its.connectTimeout,
      `longest wait for a connection to ${its.connectsTo}`,
    ),
    httpQueue: defaulted(
      `${side}_HTTP_QUEUE_CAPACITY`,
      count,
      '10000',
      `requests that may wait, ${its.which}`,
    ),
    httpFailfast: defaulted(
      `${side}_HTTP_FAILFAST_TIMEOUT`,
      duration,
      its.failfastTimeout,
      `requests fail at once when nothing could take one for this long, ${its.which}`,
    ),
    acceptKeepalive: variable(`${side}_ACCEPT_KEEPALIVE`, duration, 'unset', `TCP keepalive ${accepted}`),
    acceptUserTimeout: variable(
      `${side}_ACCEPT_USER_TIMEOUT`,
      duration,
      'unset',
      `TCP_USER_TIMEOUT ${accepted}`,
    ),
    connectKeepalive: variable(`${side}_CONNECT_KEEPALIVE`, duration, 'unset', `TCP keepalive ${dialled}`),
    connectUserTimeout: variable(
      `${side}_CONNECT_USER_TIMEOUT`,
      duration,
      'unset',
      `TCP_USER_TIMEOUT ${dialled}`,
    ),
    backlog: variable(`${side}_TCP_LISTEN_BACKLOG`, u32, 'unset', `backlog of listen(2), ${its.which}`),
    maxIdle: defaulted(
      its.maxIdleName,
      count,
      '10000',
      `idle HTTP/1 connections kept to ${its.connectsTo}, of each endpoint`,
    ),
    poolIdle: defaulted(
      `${side}_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT`,
      duration,
      '3s',
      `how long idle HTTP/1 connections to ${its.connectsTo} are kept`,
    ),
    maxInFlight: defaulted(
      `${side}_MAX_IN_FLIGHT`,
      count,
      '100000',
      `requests that may wait for the head of their response, ${its.which}; others get 503`,
    ),
    discoveryIdle: defaulted(
      `${side}_DISCOVERY_IDLE_TIMEOUT`,
      duration,
      its.discoveryIdle,
      `how long what was discovered is kept without use, ${its.which}`,
    ),
    backoff: backoffVariables(`${side}_CONNECT_EXP_BACKOFF`, '100ms', its.backoffMax),
    http2Server: http2ServerVariables(side),
  };
}

export const INBOUND_VARIABLES = {
  ...sideVariables('INBOUND', {
    connectTimeout: '300ms',
    failfastTimeout: '1s',
    backoffMax: '10s',
    discoveryIdle: '90s',
    maxIdleName: 'MAX_IDLE_CONNS_PER_ENDPOINT',
    which: 'incoming',
    connectsTo: 'the application',
  }),
  authorityLabels: defaulted(
    'INBOUND_METRICS_AUTHORITY_LABELS',
    {
      ...word('', 'unsafe'),
      name: 'empty or `unsafe`',
      parse: (text) => word('', 'unsafe').parse(text.toLowerCase()),
    },
    '',
    '`unsafe`: metrics of incoming requests get the label `authority`, which clients choose',
    { effect: 'later' },
  ),
  ips: variable(
    'INBOUND_IPS',
    ipSet,
    'empty',
    'addresses of this host: connections to others are refused; empty: none is refused',
  ),
};

export const OUTBOUND_VARIABLES = {
  ...sideVariables('OUTBOUND', {
    connectTimeout: '1s',
    failfastTimeout: '3s',
    backoffMax: '60s',
    discoveryIdle: '5s',
    maxIdleName: 'OUTBOUND_MAX_IDLE_CONNS_PER_ENDPOINT',
    which: 'outgoing',
    connectsTo: 'peers',
  }),
  tcpQueue: defaulted('OUTBOUND_TCP_QUEUE_CAPACITY', count, '10000', 'connections that may wait, outgoing'),
  tcpFailfast: defaulted(
    'OUTBOUND_TCP_FAILFAST_TIMEOUT',
    duration,
    '3s',
    'connections fail at once when nothing could take one for this long, outgoing',
  ),
  disableInformationalHeaders: variable(
    'OUTBOUND_DISABLE_INFORMATIONAL_HEADERS',
    bool,
    'INGRESS_MODE',
    'keep `l5d-proxy-error` and the like from the application',
  ),
  hostnameLabels: defaulted(
    'OUTBOUND_METRICS_HOSTNAME_LABELS',
    bool,
    'false',
    'fill the label `hostname` of route metrics',
    { effect: 'later' },
  ),
  ingressMode: defaulted(
    'INGRESS_MODE',
    bool,
    'false',
    'requests say with `l5d-dst-override` where they go, as from an ingress',
  ),
};
