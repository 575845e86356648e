// Variables of `sluice proxy` about the process: listeners, admin, threads, logs, tap, tracing, DNS
// (reference, proxy behaviour §1.4 and §1.8).
import { dnsName, identity, serviceAddress, socketAddress, socketAddresses } from './proxy-address-values.js';
import { attributes, bool, duration, path, positiveCount, ratio, text, word } from './proxy-values.js';
import { defaulted, variable } from './proxy-variable.js';

export const LISTENER_VARIABLES = {
  inbound: defaulted(
    'INBOUND_LISTEN_ADDR',
    socketAddress,
    '0.0.0.0:4143',
    'listener of incoming connections',
  ),
  outbound: defaulted(
    'OUTBOUND_LISTEN_ADDR',
    socketAddress,
    '127.0.0.1:4140',
    'listener of outgoing connections',
  ),
  outboundPair: variable(
    'OUTBOUND_LISTEN_ADDRS',
    socketAddresses,
    'unset',
    'wins over the previous: one or two listeners of outgoing connections, such as one of each family',
  ),
  tap: defaulted(
    'CONTROL_LISTEN_ADDR',
    socketAddress,
    '0.0.0.0:4190',
    'listener of tap, where it is enabled',
    {
      effect: 'later',
    },
  ),
  admin: defaulted('ADMIN_LISTEN_ADDR', socketAddress, '127.0.0.1:4191', 'the admin server'),
};

export const PROCESS_VARIABLES = {
  metricsRetainIdle: defaulted(
    'METRICS_RETAIN_IDLE',
    duration,
    '10m',
    'how long a series that nothing updates is kept',
    { effect: 'later' },
  ),
  shutdownEndpoint: defaulted(
    'SHUTDOWN_ENDPOINT_ENABLED',
    bool,
    'false',
    'allow `POST /shutdown` from this host',
  ),
  shutdownGrace: defaulted('SHUTDOWN_GRACE_PERIOD', duration, '2m', 'longest drain'),
  coresMin: variable(
    'CORES_MIN',
    positiveCount,
    'CORES, else 1',
    'fewest worker threads; a bad value is ignored with a warning, as in the next three',
  ),
  cores: variable('CORES', positiveCount, 'unset', 'the same, by its older name'),
  coresMax: variable('CORES_MAX', positiveCount, 'unset', 'most worker threads'),
  coresMaxRatio: variable(
    'CORES_MAX_RATIO',
    ratio,
    'unset',
    'without CORES_MAX: worker threads as a part of the processors, above 0 and at most 1',
  ),
};

export const DEFAULT_LOG_FILTER = 'warn,linkerd=info,hickory=error';

export const LOG_VARIABLES = {
  filter: defaulted(
    'LOG',
    text,
    DEFAULT_LOG_FILTER,
    'what is logged ([filters](#log-filters)); `off`: nothing, ever',
  ),
  format: defaulted('LOG_FORMAT', text, 'PLAIN', '`json` or `plain`, in any case; anything else is plain'),
  accessLog: variable(
    'ACCESS_LOG',
    word('apache', 'json'),
    'unset',
    'form of the access log; a bad value is reported and there is none',
    { effect: 'later' },
  ),
};

export const TAP_VARIABLES = {
  client: variable('TAP_SVC_NAME', identity, 'unset', 'enables tap, for the client of this identity', {
    effect: 'later',
  }),
};

const LATER = { effect: 'later' } as const;
const ATTRIBUTES = { effect: 'later', mayHoldSecret: true } as const;

export const TRACE_VARIABLES = {
  collector: {
    address: variable(
      'TRACE_COLLECTOR_SVC_ADDR',
      serviceAddress,
      'unset',
      'collector of spans (OTLP)',
      LATER,
    ),
    name: variable('TRACE_COLLECTOR_SVC_NAME', dnsName, 'unset', 'its identity; ignored on loopback', LATER),
  },
  attributesPath: variable(
    'TRACE_ATTRIBUTES_PATH',
    path,
    'unset',
    'file with lines `key="value"`; only a warning when it cannot be read',
    LATER,
  ),
  serviceName: variable('TRACE_SERVICE_NAME', text, 'unset', 'attribute `service.name`', LATER),
  extraAttributes: variable(
    'TRACE_EXTRA_ATTRIBUTES',
    attributes,
    'empty',
    'attributes; win over those of the file',
    ATTRIBUTES,
  ),
  resourceAttributes: variable(
    'OTEL_RESOURCE_ATTRIBUTES',
    attributes,
    'empty',
    'attributes; win over all others. Lines, not a comma list',
    { ...ATTRIBUTES, prefix: '' },
  ),
  hostName: variable('HOSTNAME', text, 'unset', 'attribute `host.name`', { ...LATER, prefix: '' }),
};

export const DNS_VARIABLES = {
  minTtl: variable(
    'DNS_MIN_TTL',
    duration,
    'unset',
    'shortest time that an answer of the name system is used',
  ),
  maxTtl: variable(
    'DNS_MAX_TTL',
    duration,
    'unset',
    'longest time that an answer of the name system is used',
  ),
};
