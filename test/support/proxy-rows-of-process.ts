// Rows for the variables of `sluice proxy` about the process, and for its own ones.
import { type ProxyConfig } from '../../src/config/proxy-config.js';
import { ANY_NAME, loopback, REFUSED, row, type VariableRow } from './proxy-variable-rows.js';

const LOOPBACK = { ip: '127.0.0.1', port: 1 };
const TRACE = { LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: '127.0.0.1:4317' };
/** Has one attribute, `app`. */
export const LABELS_FILE = '/labels';
const attributes = (config: ProxyConfig): unknown => config.tracing?.attributes;

export const ROWS_OF_PROCESS: readonly VariableRow[] = [
  row(
    'INBOUND_LISTEN_ADDR',
    '127.0.0.1:1',
    LOOPBACK,
    (c) => c.listeners.inbound,
    { ip: '0.0.0.0', port: 4143 },
    'localhost:1',
  ),
  row(
    'OUTBOUND_LISTEN_ADDR',
    '127.0.0.1:1',
    [LOOPBACK],
    (c) => c.listeners.outbound,
    [{ ip: '127.0.0.1', port: 4140 }],
    '4140',
  ),
  row(
    'OUTBOUND_LISTEN_ADDRS',
    '127.0.0.1:1,[::1]:1',
    [LOOPBACK, { ip: '::1', port: 1 }],
    (c) => c.listeners.outbound,
    [{ ip: '127.0.0.1', port: 4140 }],
    '',
  ),
  row(
    'CONTROL_LISTEN_ADDR',
    '[::]:4190',
    { ip: '::', port: 4190 },
    (c) => c.listeners.tap,
    { ip: '0.0.0.0', port: 4190 },
    '::4190',
  ),
  row(
    'ADMIN_LISTEN_ADDR',
    '0.0.0.0:0',
    { ip: '0.0.0.0', port: 0 },
    (c) => c.listeners.admin,
    { ip: '127.0.0.1', port: 4191 },
    '',
  ),
  row('METRICS_RETAIN_IDLE', '1h', 3_600_000, (c) => c.metricsRetainIdleMs, 600_000, '10'),
  row('SHUTDOWN_ENDPOINT_ENABLED', 'true', true, (c) => c.shutdown.endpointEnabled, false, 'yes'),
  row('SHUTDOWN_GRACE_PERIOD', '0', 0, (c) => c.shutdown.graceMs, 120_000, 'soon'),
  row('CORES_MIN', '2', 2, (c) => c.cores.min, undefined, '0', { afterBad: undefined }),
  row('CORES', '3', 3, (c) => c.cores.min, undefined, 'many', { afterBad: undefined }),
  row('CORES_MAX', '4', 4, (c) => c.cores.max, undefined, '-1', { afterBad: undefined }),
  row('CORES_MAX_RATIO', '0.5', 0.5, (c) => c.cores.maxRatio, undefined, '2', { afterBad: undefined }),
  row('LOG', 'debug', 'debug', (c) => c.logs.filter, 'warn,linkerd=info,hickory=error', undefined),
  row('LOG_FORMAT', 'JSON', 'json', (c) => c.logs.format, 'plain', 'xml', { afterBad: 'plain' }),
  row('ACCESS_LOG', 'apache', 'apache', (c) => c.logs.accessLog, undefined, 'yes', { afterBad: undefined }),
  row(
    'TAP_SVC_NAME',
    'tap.viz',
    { client: { kind: 'dns', id: 'tap.viz' } },
    (c) => c.tap,
    undefined,
    'tap.viz.',
  ),
  row(
    'TRACE_COLLECTOR_SVC_ADDR',
    '127.0.0.1:1',
    { address: loopback(1), serverName: undefined },
    (c) => c.tracing?.collector,
    undefined,
    'x',
  ),
  row('TRACE_COLLECTOR_SVC_NAME', ANY_NAME, ANY_NAME, (c) => c.tracing?.collector.serverName, REFUSED, '', {
    beside: { LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR: 'collector:1' },
  }),
  row('TRACE_ATTRIBUTES_PATH', LABELS_FILE, { app: 'web' }, attributes, {}, '', { beside: TRACE }),
  row('TRACE_SERVICE_NAME', 'proxy', { 'service.name': 'proxy' }, attributes, {}, undefined, {
    beside: TRACE,
  }),
  row('TRACE_EXTRA_ATTRIBUTES', 'a="b"', { a: 'b' }, attributes, {}, undefined, { beside: TRACE }),
  row('OTEL_RESOURCE_ATTRIBUTES', 'a=1,b=2', { a: '1,b=2' }, attributes, {}, undefined, { beside: TRACE }),
  row('HOSTNAME', 'web-1', 'web-1', (c) => c.tracing?.hostName, undefined, undefined, { beside: TRACE }),
  row('DNS_MIN_TTL', '1s', 1000, (c) => c.dns.minTtlMs, undefined, ''),
  row('DNS_MAX_TTL', '1h', 3_600_000, (c) => c.dns.maxTtlMs, undefined, '1'),
  row(
    'SLUICE_INBOUND_ORIGINAL_DST',
    'LOCAL',
    { kind: 'local' },
    (c) => c.inbound.originalDestination,
    undefined,
    '127.0.0.1',
  ),
  row(
    'SLUICE_OUTBOUND_ORIGINAL_DST',
    '127.0.0.1:80',
    loopback(80),
    (c) => c.outbound.originalDestination,
    undefined,
    'web:80',
  ),
  row('SLUICE_ALLOW_LOOPBACK', ' True ', true, (c) => c.outbound.allowLoopback, false, '1'),
  row(
    'SLUICE_POLLER',
    'libuv',
    'libuv',
    (c) => c.poller,
    process.platform === 'linux' ? 'epoll' : 'libuv',
    'kqueue',
  ),
  row('SLUICE_DNS_SERVERS', '10.0.0.1:53', ['10.0.0.1:53'], (c) => c.dns.servers, [], 'ns.example'),
];
