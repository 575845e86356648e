// The environment of `sluice proxy` as a whole: what linkerd's injector sets, how variables bear on each
// other, and what an operator is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { type Variables } from '../../../src/config/environment.js';
import { type ProxyConfig } from '../../../src/config/proxy-config.js';
import {
  parseProxyEnvironment,
  type ProxyEnvironment,
  type ProxyEnvironmentErrors,
  proxyLogConfig,
} from '../../../src/config/proxy-environment.js';
import { PROXY_VARIABLES } from '../../../src/config/proxy-variables.js';
import {
  FakeFiles,
  IDENTITY_DIRECTORY,
  injectorEnvironment,
  leastProxyEnvironment,
  TOKEN_FILE,
} from '../../support/proxy-environments.js';

const PREFIX = 'LINKERD2_PROXY_';

/** The least environment with some linkerd variables more; undefined takes one away. */
function least(changes: Variables = {}): Variables {
  const prefixed = Object.entries(changes).map(([name, value]) => [
    name.startsWith('SLUICE_') ? name : `${PREFIX}${name}`,
    value,
  ]);
  return { ...leastProxyEnvironment(), ...(Object.fromEntries(prefixed) as Variables) };
}

function taken(variables: Variables, files = new FakeFiles()): ProxyEnvironment {
  const parsed = parseProxyEnvironment(variables, files);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.lines.join('\n'));
  return parsed.value;
}

function configOf(changes: Variables = {}): ProxyConfig {
  return taken(least(changes)).config;
}

function refused(variables: Variables, files = new FakeFiles()): ProxyEnvironmentErrors {
  const parsed = parseProxyEnvironment(variables, files);
  assert.ok(!parsed.ok);
  return parsed.error;
}

function messages({ notices }: { notices: ProxyEnvironment['notices'] }): string {
  return notices.map(({ level, message }) => `${level}: ${message}`).join('\n');
}

test('what the injector sets is taken whole', () => {
  const files = new FakeFiles();
  files.contents.set('/var/run/linkerd/podinfo/labels', 'app="web"\nk8s.pod.uid="old"\n');
  const { config, notices } = taken(injectorEnvironment(), files);
  assert.deepEqual(notices, []);
  assert.deepEqual(config.listeners.outbound, [
    { ip: '127.0.0.1', port: 4140 },
    { ip: '::1', port: 4140 },
  ]);
  assert.deepEqual(config.destination.controller, {
    address: { kind: 'name', name: 'linkerd-dst-headless.linkerd.svc.cluster.local.', port: 8086 },
    serverName: 'linkerd-destination.linkerd.serviceaccount.identity.linkerd.cluster.local',
  });
  assert.equal(config.policy.workload, '{"ns":"demo", "pod":"web-1"}\n');
  assert.equal(config.policy.clusterNetworks.length, 5);
  assert.deepEqual(config.streamLimits, { initialMs: 3000, idleMs: 300_000, lifetimeMs: 3_600_000 });
  assert.deepEqual(config.inbound.ips, ['10.1.2.3', 'fd00::3']);
  assert.deepEqual(config.inbound.http2Server.keepalive, { intervalMs: 10_000, timeoutMs: 3000 });
  assert.deepEqual(config.inbound.accept, { keepaliveMs: 10_000, userTimeoutMs: 30_000, backlog: undefined });
  assert.equal(config.inbound.opaquePorts.length, 8);
  assert.equal(config.outbound.connect.timeoutMs, 1000);
  assert.deepEqual(config.identity.id, {
    kind: 'dns',
    id: 'web.demo.serviceaccount.identity.linkerd.cluster.local',
  });
  assert.equal(config.logs.filter, 'warn,linkerd=info,hickory=error,[{headers}]=off,[{request}]=off');
  assert.deepEqual(config.tracing?.attributes, {
    'service.name': 'linkerd-proxy',
    app: 'web',
    'k8s.pod.ip': '10.1.2.3',
    'k8s.pod.uid': 'u-1',
    'k8s.container.name': 'linkerd-proxy',
  });
  assert.deepEqual(config.cores, { min: 1, max: undefined, maxRatio: undefined });
});

test('inside the destination pod the controller is on loopback, and its name is ignored', () => {
  const { config } = taken({
    ...injectorEnvironment(),
    LINKERD2_PROXY_DESTINATION_SVC_ADDR: 'localhost.:8086',
  });
  assert.equal(config.destination.controller.serverName, undefined);
});

test('the sidecar of an ingress keeps informational headers from it, unless told otherwise', () => {
  assert.equal(configOf({ INGRESS_MODE: 'true' }).outbound.disableInformationalHeaders, true);
  const both = { INGRESS_MODE: 'true', OUTBOUND_DISABLE_INFORMATIONAL_HEADERS: 'false' };
  assert.equal(configOf(both).outbound.disableInformationalHeaders, false);
});

test('a configuration is frozen, lists and groups included', () => {
  const config = configOf();
  assert.ok(Object.isFrozen(config));
  assert.ok(Object.isFrozen(config.listeners.outbound));
  assert.ok(Object.isFrozen(config.inbound.connect.backoff));
});

test('back-offs that are not set have the defaults of their side', () => {
  assert.deepEqual(configOf().inbound.connect.backoff, { minMs: 100, maxMs: 10_000, jitter: 0.1 });
  assert.deepEqual(configOf().outbound.connect.backoff, { minMs: 100, maxMs: 60_000, jitter: 0.1 });
});

const NAMES = {
  both: { IDENTITY_LOCAL_NAME: undefined, IDENTITY_SERVER_ID: 'a.b', IDENTITY_SERVER_NAME: 'a.c' },
  spiffe: { IDENTITY_LOCAL_NAME: undefined, IDENTITY_SERVER_ID: 'spiffe://r/a', IDENTITY_SERVER_NAME: 'a.b' },
};
const INVALID = 'invalid environment variable';
const SAME = 'linkerd identity requires a TLS Id and server name to be the same';

for (const { about, changes, line, reason = INVALID } of [
  {
    about: 'the destination controller must be named',
    changes: { DESTINATION_SVC_ADDR: undefined },
    line: 'LINKERD2_PROXY_DESTINATION_SVC_ADDR must be set',
    reason: 'no destination service configured',
  },
  {
    about: 'the policy controller must be named',
    changes: { POLICY_SVC_ADDR: undefined },
    line: 'LINKERD2_PROXY_POLICY_SVC_ADDR must be set',
    reason: 'no policy service configured',
  },
  {
    about: 'a controller elsewhere must have a name to prove',
    changes: { POLICY_SVC_ADDR: 'policy:8090' },
    line: 'LINKERD2_PROXY_POLICY_SVC_NAME must be set, as LINKERD2_PROXY_POLICY_SVC_ADDR is not on loopback',
  },
  {
    about: 'a name without an address is a mistake',
    changes: { TRACE_COLLECTOR_SVC_NAME: 'collector' },
    line: 'LINKERD2_PROXY_TRACE_COLLECTOR_SVC_NAME is set, hence LINKERD2_PROXY_TRACE_COLLECTOR_SVC_ADDR must be set too',
  },
  {
    about: 'one bound of a back-off needs the other',
    changes: { OUTBOUND_CONNECT_EXP_BACKOFF_MIN: '1s' },
    line: /^LINKERD2_PROXY_OUTBOUND_CONNECT_EXP_BACKOFF_MIN and .*_MAX must be set together/,
  },
  {
    about: 'the jitter of a back-off needs both bounds',
    changes: { INBOUND_CONNECT_EXP_BACKOFF_JITTER: '1' },
    line: /^LINKERD2_PROXY_INBOUND_CONNECT_EXP_BACKOFF_MIN and .*_MAX must be set together/,
  },
  {
    about: 'the first wait is at most the longest',
    changes: { OUTBOUND_CONNECT_EXP_BACKOFF_MIN: '2s', OUTBOUND_CONNECT_EXP_BACKOFF_MAX: '1s' },
    line: /^LINKERD2_PROXY_OUTBOUND_CONNECT_EXP_BACKOFF_MIN="2s" is not valid: expected at most .*_MAX$/,
  },
  {
    about: 'a stream may not be silent for longer than it lives',
    changes: { CONTROL_STREAM_IDLE_TIMEOUT: '2h', CONTROL_STREAM_LIFETIME: '1h' },
    line: 'LINKERD2_PROXY_CONTROL_STREAM_IDLE_TIMEOUT="2h" is not valid: expected at most LINKERD2_PROXY_CONTROL_STREAM_LIFETIME',
  },
  {
    about: 'the first answer may not take longer than the life of a stream',
    changes: { CONTROL_STREAM_INITIAL_TIMEOUT: '2h', CONTROL_STREAM_LIFETIME: '1h' },
    line: /^LINKERD2_PROXY_CONTROL_STREAM_INITIAL_TIMEOUT="2h" is not valid: expected at most .*_LIFETIME$/,
  },
  {
    about: 'the first answer may not take longer than a silence',
    changes: { CONTROL_STREAM_INITIAL_TIMEOUT: '2h', CONTROL_STREAM_IDLE_TIMEOUT: '1h' },
    line: /^LINKERD2_PROXY_CONTROL_STREAM_INITIAL_TIMEOUT="2h" is not valid: expected at most .*_IDLE_TIMEOUT$/,
  },
  {
    about: 'policies of the cluster need to know it',
    changes: { INBOUND_DEFAULT_POLICY: 'cluster-authenticated' },
    line: /^LINKERD2_PROXY_INBOUND_DEFAULT_POLICY="cluster-authenticated" is not valid: .*POLICY_CLUSTER_NETWORKS/,
  },
  {
    about: 'so does the audit policy',
    changes: { INBOUND_DEFAULT_POLICY: 'audit' },
    line: /^LINKERD2_PROXY_INBOUND_DEFAULT_POLICY="audit" is not valid: /,
  },
  {
    about: 'identity cannot be switched off',
    changes: { IDENTITY_DISABLED: 'disabled' },
    line: 'LINKERD2_PROXY_IDENTITY_DISABLED is set: identity can no longer be switched off',
  },
  {
    about: 'identity and server name are the same without SPIRE',
    changes: NAMES.both,
    line: /^LINKERD2_PROXY_IDENTITY_SERVER_ID and LINKERD2_PROXY_IDENTITY_SERVER_NAME must be the same/,
    reason: SAME,
  },
  {
    about: 'a URI is no identity without SPIRE',
    changes: NAMES.spiffe,
    line: /must be the same DNS name without SPIRE$/,
    reason: SAME,
  },
  {
    about: 'SPIRE gives URIs only',
    changes: { IDENTITY_SPIRE_WORKLOAD_API_ADDRESS: '/run/spire' },
    line: 'SPIRE needs LINKERD2_PROXY_IDENTITY_SERVER_ID to be a spiffe:// URI',
  },
  {
    about: 'an identity needs its server name',
    changes: { IDENTITY_LOCAL_NAME: undefined, IDENTITY_SERVER_ID: 'a.b' },
    line: 'LINKERD2_PROXY_IDENTITY_SERVER_NAME must be set',
  },
] as readonly { about: string; changes: Variables; line: string | RegExp; reason?: string }[]) {
  test(about, () => {
    const error = refused(least(changes));
    assert.equal(error.lines.length, 1, error.lines.join('\n'));
    if (typeof line === 'string') assert.equal(error.lines[0], line);
    else assert.match(error.lines[0] ?? '', line);
    assert.equal(error.reason, reason);
  });
}

test('every mistake is told in one run, and a bad value weighs more than a missing one', () => {
  const error = refused(least({ DESTINATION_SVC_ADDR: undefined, DNS_MIN_TTL: '1', INGRESS_MODE: 'yes' }));
  assert.deepEqual(error.lines.toSorted(), [
    'LINKERD2_PROXY_DESTINATION_SVC_ADDR must be set',
    'LINKERD2_PROXY_DNS_MIN_TTL="1" is not valid: expected a whole number with a unit, ms, s, m, h or d, such as 500ms, or 0',
    'LINKERD2_PROXY_INGRESS_MODE="yes" is not valid: expected true or false',
  ]);
  assert.equal(error.reason, INVALID);
});

test('an empty environment is told everything that must be set', () => {
  const { lines } = refused({});
  for (const name of [
    'DESTINATION_SVC_ADDR',
    'POLICY_SVC_ADDR',
    'POLICY_WORKLOAD',
    'IDENTITY_TRUST_ANCHORS',
    'IDENTITY_LOCAL_NAME',
    'IDENTITY_DIR',
    'IDENTITY_TOKEN_FILE',
    'IDENTITY_SVC_ADDR',
  ]) {
    assert.ok(
      lines.some((line) => line.startsWith(`${PREFIX}${name}`)),
      name,
    );
  }
});

test('a value that may be a secret is not repeated, and no value can start a line', () => {
  const secret = '-----BEGIN PRIVATE KEY-----';
  const { lines } = refused(least({ IDENTITY_TRUST_ANCHORS: secret, IDENTITY_TOKEN_FILE: 'eyJhbGciOi' }));
  assert.deepEqual(lines, [
    'LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS is not valid: expected certificates in PEM form, at least one',
    'LINKERD2_PROXY_IDENTITY_TOKEN_FILE is not valid: the file cannot be read (ENOENT)',
  ]);
  assert.match(
    refused(least({ INGRESS_MODE: 'a\nb' })).lines[0] ?? '',
    /^LINKERD2_PROXY_INGRESS_MODE="a\\nb" /,
  );
});

test('files of the identity must be there and say something', () => {
  const files = new FakeFiles();
  files.contents.set(`${IDENTITY_DIRECTORY}/key.p8`, '');
  files.contents.set(TOKEN_FILE, ' \n');
  assert.deepEqual(refused(least(), files).lines, [
    `LINKERD2_PROXY_IDENTITY_DIR="${IDENTITY_DIRECTORY}" is not valid: key.p8 is empty`,
    'LINKERD2_PROXY_IDENTITY_TOKEN_FILE is not valid: the file is empty',
  ]);
});

test('with SPIRE no token and no directory are needed, and the newer name of its socket wins', () => {
  const { config, notices } = taken(
    least({
      ...NAMES.spiffe,
      IDENTITY_SPIRE_WORKLOAD_API_ADDRESS: 'unix:/run/new',
      IDENTITY_SPIRE_SOCKET: '/run/old',
      IDENTITY_DIR: undefined,
      IDENTITY_TOKEN_FILE: undefined,
      IDENTITY_SVC_ADDR: undefined,
    }),
  );
  const { certificates } = config.identity;
  assert.equal(certificates.kind === 'spire' && certificates.socketPath, '/run/new');
  assert.match(messages({ notices }), /^warn: LINKERD2_PROXY_IDENTITY_SPIRE_SOCKET is an older name/m);
});

test('what is only worth telling is told, and does not stop the start', () => {
  assert.deepEqual(messages(taken(least())).split('\n'), [
    'info: LINKERD2_PROXY_POLICY_CLUSTER_NETWORKS is not set: policies of the cluster are off',
    'info: LINKERD2_PROXY_INBOUND_IPS is not set: no connection is refused for its address',
    'warn: LINKERD2_PROXY_INBOUND_DEFAULT_POLICY is not set: the default is used',
  ]);
});

test('a bad number of cores is ignored with a warning, and an older name of it counts then', () => {
  const { config, notices } = taken(least({ CORES_MIN: '0', CORES: '2', CORES_MAX: 'many' }));
  assert.deepEqual(config.cores, { min: 2, max: undefined, maxRatio: undefined });
  const ignored = notices.filter(({ message }) => message === 'Ignoring invalid configuration');
  assert.deepEqual(
    ignored.map(({ level, fields }) => [level, fields['name'], fields['value']]),
    [
      ['warn', 'LINKERD2_PROXY_CORES_MIN', '0'],
      ['warn', 'LINKERD2_PROXY_CORES_MAX', 'many'],
    ],
  );
});

test('a file of attributes that cannot be read is a warning', () => {
  const changes = { TRACE_COLLECTOR_SVC_ADDR: '127.0.0.1:1', TRACE_ATTRIBUTES_PATH: '/nowhere' };
  const { config, notices } = taken(least(changes));
  assert.deepEqual(config.tracing?.attributes, {});
  assert.match(messages({ notices }), /^warn: attributes of traces cannot be read$/m);
});

test('one of the own names that nothing reads is told, with what was meant', () => {
  const { notices } = taken(least({ SLUICE_POLER: 'epoll', SLUICE_LOG: 'debug', SLUICE_DNS_SERVERS: ' ' }));
  assert.match(messages({ notices }), /^warn: unknown variable SLUICE_POLER; did you mean SLUICE_POLLER\?$/m);
  assert.match(messages({ notices }), /^warn: SLUICE_LOG is for sluice run and has no effect here$/m);
  assert.doesNotMatch(messages({ notices }), /DNS_SERVERS/);
});

test('whatever the values are, there is a configuration or a reason', () => {
  const names = PROXY_VARIABLES.map(({ name }) => name);
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom('', '0', '1s', 'true', '127.0.0.1:1', 'a.b', '10.0.0.0/8', 'spiffe://a/b'),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value), (variables) => {
      const parsed = parseProxyEnvironment({ ...leastProxyEnvironment(), ...variables }, new FakeFiles());
      assert.ok(parsed.ok || (parsed.error.lines.length > 0 && parsed.error.reason !== ''));
    }),
  );
});

for (const text of ['off', 'OFF', ' Off ']) {
  test(`${JSON.stringify(text)} as filter of the log switches it off for good`, () => {
    assert.equal(proxyLogConfig({ LINKERD2_PROXY_LOG: text }).filter, undefined);
  });
}

test('how to log can be read when nothing else is right', () => {
  const { notices, ...logs } = proxyLogConfig({
    LINKERD2_PROXY_LOG_FORMAT: 'Json',
    LINKERD2_PROXY_ACCESS_LOG: 'yes',
  });
  assert.deepEqual(logs, { filter: 'warn,linkerd=info,hickory=error', format: 'json', accessLog: undefined });
  assert.deepEqual(
    notices.map(({ to, message }) => [to, message]),
    [
      [
        'standard error',
        'LINKERD2_PROXY_ACCESS_LOG is not valid, there is no access log: expected one of apache, json',
      ],
    ],
  );
});
