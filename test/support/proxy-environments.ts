// Environments of `sluice proxy`: the least that starts it, and what linkerd's injector sets (reference,
// control plane §7). Files that they name are held in memory.
import { type FileReader } from '../../src/config/proxy-environment-identity.js';

/** In form only: nothing here reads certificates. */
export const TRUST_ANCHORS = '-----BEGIN CERTIFICATE-----\nMAoCAQE=\n-----END CERTIFICATE-----\n';

export const IDENTITY_DIRECTORY = '/var/run/linkerd/identity/end-entity';
export const TOKEN_FILE = '/var/run/secrets/tokens/linkerd-identity-token';

/** Files by path; reading another one fails as node does. */
export class FakeFiles implements FileReader {
  readonly contents = new Map<string, string>([
    [`${IDENTITY_DIRECTORY}/csr.der`, 'csr'],
    [`${IDENTITY_DIRECTORY}/key.p8`, 'key'],
    [TOKEN_FILE, 'token\n'],
  ]);

  read(path: string): Buffer {
    const content = this.contents.get(path);
    if (content === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' });
    return Buffer.from(content);
  }
}

/** Every controller on loopback, nothing else but what is required. */
export function leastProxyEnvironment(): Record<string, string> {
  return {
    LINKERD2_PROXY_DESTINATION_SVC_ADDR: '127.0.0.1:8086',
    LINKERD2_PROXY_POLICY_SVC_ADDR: '127.0.0.1:8090',
    LINKERD2_PROXY_POLICY_WORKLOAD: 'w',
    LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS: TRUST_ANCHORS,
    LINKERD2_PROXY_IDENTITY_LOCAL_NAME: 'web.demo.serviceaccount.identity.linkerd.cluster.local',
    LINKERD2_PROXY_IDENTITY_DIR: IDENTITY_DIRECTORY,
    LINKERD2_PROXY_IDENTITY_TOKEN_FILE: TOKEN_FILE,
    LINKERD2_PROXY_IDENTITY_SVC_ADDR: '127.0.0.1:8080',
  };
}

const NETWORKS = '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8';
const DESTINATION_NAME = 'linkerd-destination.linkerd.serviceaccount.identity.linkerd.cluster.local';

/** What a pod `web-1` of the namespace `demo` has with the chart's defaults, viz and tracing. */
export function injectorEnvironment(): Record<string, string> {
  const settings: Record<string, string> = {
    CORES: '1',
    CORES_MIN: '1',
    SHUTDOWN_ENDPOINT_ENABLED: 'false',
    LOG: 'warn,linkerd=info,hickory=error,[{headers}]=off,[{request}]=off',
    LOG_FORMAT: 'plain',
    DESTINATION_SVC_ADDR: 'linkerd-dst-headless.linkerd.svc.cluster.local.:8086',
    DESTINATION_PROFILE_NETWORKS: NETWORKS,
    POLICY_SVC_ADDR: 'linkerd-policy.linkerd.svc.cluster.local.:8090',
    POLICY_WORKLOAD: '{"ns":"demo", "pod":"web-1"}\n',
    INBOUND_DEFAULT_POLICY: 'all-unauthenticated',
    POLICY_CLUSTER_NETWORKS: NETWORKS,
    CONTROL_STREAM_INITIAL_TIMEOUT: '3s',
    CONTROL_STREAM_IDLE_TIMEOUT: '5m',
    CONTROL_STREAM_LIFETIME: '1h',
    INBOUND_CONNECT_TIMEOUT: '100ms',
    OUTBOUND_CONNECT_TIMEOUT: '1000ms',
    OUTBOUND_DISCOVERY_IDLE_TIMEOUT: '5s',
    INBOUND_DISCOVERY_IDLE_TIMEOUT: '90s',
    CONTROL_LISTEN_ADDR: '0.0.0.0:4190',
    ADMIN_LISTEN_ADDR: '0.0.0.0:4191',
    OUTBOUND_LISTEN_ADDR: '127.0.0.1:4140',
    OUTBOUND_LISTEN_ADDRS: '127.0.0.1:4140,[::1]:4140',
    INBOUND_LISTEN_ADDR: '0.0.0.0:4143',
    INBOUND_IPS: '10.1.2.3,fd00::3',
    INBOUND_PORTS: '8080,9000-9010',
    DESTINATION_PROFILE_SUFFIXES: 'svc.cluster.local.',
    INBOUND_ACCEPT_KEEPALIVE: '10000ms',
    OUTBOUND_CONNECT_KEEPALIVE: '10000ms',
    INBOUND_ACCEPT_USER_TIMEOUT: '30s',
    OUTBOUND_CONNECT_USER_TIMEOUT: '30s',
    OUTBOUND_METRICS_HOSTNAME_LABELS: 'false',
    INBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL: '10s',
    INBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT: '3s',
    OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL: '10s',
    OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT: '3s',
    INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION: '25,587,3306,4444,5432,6379,9300,11211',
    DESTINATION_CONTEXT: '{"ns":"demo", "nodeName":"node-1", "pod":"web-1"}\n',
    IDENTITY_DIR: IDENTITY_DIRECTORY,
    IDENTITY_TRUST_ANCHORS: TRUST_ANCHORS,
    IDENTITY_TOKEN_FILE: TOKEN_FILE,
    IDENTITY_SVC_ADDR: 'linkerd-identity-headless.linkerd.svc.cluster.local.:8080',
    IDENTITY_LOCAL_NAME: 'web.demo.serviceaccount.identity.linkerd.cluster.local',
    IDENTITY_SVC_NAME: 'linkerd-identity.linkerd.serviceaccount.identity.linkerd.cluster.local',
    DESTINATION_SVC_NAME: DESTINATION_NAME,
    POLICY_SVC_NAME: DESTINATION_NAME,
    TAP_SVC_NAME: 'tap.linkerd-viz.serviceaccount.identity.linkerd.cluster.local',
    TRACE_COLLECTOR_SVC_ADDR: 'collector.linkerd-jaeger.svc.cluster.local:4317',
    TRACE_COLLECTOR_SVC_NAME: 'collector.linkerd-jaeger.serviceaccount.identity.linkerd.cluster.local',
    TRACE_PROTOCOL: 'opentelemetry',
    TRACE_ATTRIBUTES_PATH: '/var/run/linkerd/podinfo/labels',
    TRACE_ANNOTATIONS_PATH: '/var/run/linkerd/podinfo/annotations',
    TRACE_SERVICE_NAME: 'linkerd-proxy',
    TRACE_EXTRA_ATTRIBUTES: 'k8s.pod.ip=10.1.2.3\nk8s.pod.uid=u-1\nk8s.container.name=linkerd-proxy\n',
    INBOUND_PORTS_REQUIRE_IDENTITY: '',
    INBOUND_PORTS_REQUIRE_TLS: '',
  };
  const prefixed = Object.entries(settings).map(
    ([name, value]) => [`LINKERD2_PROXY_${name}`, value] as const,
  );
  return {
    _pod_name: 'web-1',
    _pod_ns: 'demo',
    _pod_nodeName: 'node-1',
    _l5d_ns: 'linkerd',
    _l5d_trustdomain: 'cluster.local',
    HOSTNAME: 'web-1',
    ...Object.fromEntries(prefixed),
  };
}
