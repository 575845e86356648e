// The environment of `sluice proxy`, as linkerd's injector makes it, read and checked: every mistake at
// once, each as the line that is to be logged, and the reason with which the process ends (exit 64;
// reference, proxy behaviour §1). What is only worth telling comes as notices.
import { platform } from 'node:process';

import { closest } from '../core/closest.js';
import { failure, type Result, success } from '../core/result.js';
import { type PollerName, type Variables } from './environment.js';
import {
  type CoresConfig,
  type ProxyConfig,
  type ProxyLogConfig,
  type StreamLimits,
  type TracingConfig,
} from './proxy-config.js';
import { type FileReader, identityConfig, readFailure, systemFiles } from './proxy-environment-identity.js';
import { inboundConfig, outboundConfig } from './proxy-environment-sides.js';
import { parseAttributeLines } from './proxy-values.js';
import { type ProxyNotice, ProxyVariableReader, START_REFUSALS } from './proxy-variable-reader.js';
import { OWN_PREFIX, OWN_VARIABLES, RUN_ONLY_VARIABLES } from './proxy-variables-own.js';
import {
  DEFAULT_LOG_FILTER,
  DNS_VARIABLES,
  LISTENER_VARIABLES,
  LOG_VARIABLES,
  PROCESS_VARIABLES,
  TAP_VARIABLES,
  TRACE_VARIABLES,
} from './proxy-variables-process.js';
import { DESTINATION_VARIABLES, POLICY_VARIABLES } from './proxy-variables-services.js';
import { HTTP2_CLIENT_VARIABLES } from './proxy-variables-http2.js';

export interface ProxyEnvironment {
  readonly config: ProxyConfig;
  readonly notices: readonly ProxyNotice[];
}

export interface ProxyEnvironmentErrors {
  /** Each to be logged as an error. */
  readonly lines: readonly string[];
  /** Why in the end, for `Invalid configuration: …` on standard error. */
  readonly reason: string;
  readonly notices: readonly ProxyNotice[];
}

/** How to log; read before the rest, and never a reason not to start. */
export function proxyLogConfig(
  variables: Variables,
): ProxyLogConfig & { readonly notices: readonly ProxyNotice[] } {
  const reader = new ProxyVariableReader(variables);
  const filter = reader.raw(LOG_VARIABLES.filter) ?? DEFAULT_LOG_FILTER;
  const format = reader.raw(LOG_VARIABLES.format)?.toLowerCase() === 'json' ? 'json' : 'plain';
  const accessText = reader.raw(LOG_VARIABLES.accessLog);
  const access = accessText === undefined ? undefined : LOG_VARIABLES.accessLog.grammar.parse(accessText);
  const notices: ProxyNotice[] = [];
  if (access?.ok === false) {
    const message = `${LOG_VARIABLES.accessLog.name} is not valid, there is no access log: ${access.error}`;
    notices.push({ to: 'standard error', level: 'warn', fields: { value: accessText }, message });
  }
  return {
    filter: filter.trim().toLowerCase() === 'off' ? undefined : filter,
    format,
    accessLog: access?.ok === true ? access.value : undefined,
    notices,
  };
}

function cores(reader: ProxyVariableReader): CoresConfig {
  const older = reader.findOrIgnore(PROCESS_VARIABLES.cores);
  return {
    min: reader.findOrIgnore(PROCESS_VARIABLES.coresMin) ?? older,
    max: reader.findOrIgnore(PROCESS_VARIABLES.coresMax),
    maxRatio: reader.findOrIgnore(PROCESS_VARIABLES.coresMaxRatio),
  };
}

function streamLimits(reader: ProxyVariableReader): StreamLimits {
  const { streamInitial, streamIdle, streamLifetime } = DESTINATION_VARIABLES;
  const limit = (variable: typeof streamInitial): number | undefined => {
    const value = reader.find(variable);
    return value === 'none' ? undefined : value;
  };
  const initialMs = limit(streamInitial);
  const idleMs = limit(streamIdle);
  const lifetimeMs = limit(streamLifetime);
  for (const [smaller, larger, isRight] of [
    [streamInitial, streamIdle, (initialMs ?? 0) <= (idleMs ?? Infinity)],
    [streamIdle, streamLifetime, (idleMs ?? 0) <= (lifetimeMs ?? Infinity)],
    [streamInitial, streamLifetime, (initialMs ?? 0) <= (lifetimeMs ?? Infinity)],
  ] as const) {
    if (!isRight) reader.reject(smaller, `expected at most ${larger.name}`);
  }
  return { initialMs, idleMs, lifetimeMs };
}

/** Later ones win: service name, file, extra ones, those of OTEL (reference §1.8). */
function tracing(reader: ProxyVariableReader, files: FileReader): TracingConfig | undefined {
  const collector = reader.controller(TRACE_VARIABLES.collector);
  const serviceName = reader.find(TRACE_VARIABLES.serviceName);
  const path = reader.find(TRACE_VARIABLES.attributesPath);
  const extra = reader.find(TRACE_VARIABLES.extraAttributes) ?? [];
  const resource = reader.find(TRACE_VARIABLES.resourceAttributes) ?? [];
  const hostName = reader.find(TRACE_VARIABLES.hostName);
  if (collector === undefined) return undefined;
  let ofFile: Iterable<readonly [string, string]> = [];
  if (path !== undefined) {
    try {
      ofFile = parseAttributeLines(files.read(path).toString('utf8'));
    } catch (error) {
      reader.tell('warn', { path, error: readFailure(error) }, 'attributes of traces cannot be read');
    }
  }
  const named = serviceName === undefined ? [] : ([['service.name', serviceName]] as const);
  return {
    collector,
    hostName,
    attributes: Object.fromEntries([...named, ...ofFile, ...extra, ...resource]),
  };
}

function defaultPoller(): PollerName {
  return platform === 'linux' ? 'epoll' : 'libuv';
}

/** Names of our own that nothing reads: most likely misspelt. */
function tellUnknown(reader: ProxyVariableReader, variables: Variables): void {
  const known = Object.values(OWN_VARIABLES).map(({ name }) => name);
  for (const name of Object.keys(variables)
    .filter((item) => item.startsWith(OWN_PREFIX))
    .sort()) {
    if (known.includes(name)) continue;
    const meant = closest(name, known);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    const message = RUN_ONLY_VARIABLES.includes(name)
      ? `${name} is for sluice run and has no effect here`
      : `unknown variable ${name}${hint}`;
    reader.tell('warn', {}, message);
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

/** Reads the whole environment. Files named in it are looked at through `files`. */
export function parseProxyEnvironment(
  variables: Variables,
  files: FileReader = systemFiles,
): Result<ProxyEnvironment, ProxyEnvironmentErrors> {
  const reader = new ProxyVariableReader(variables);
  const { notices: logNotices, ...logs } = proxyLogConfig(variables);
  const outboundPair = reader.find(LISTENER_VARIABLES.outboundPair);
  const outboundSingle = reader.read(LISTENER_VARIABLES.outbound);
  const listeners = {
    inbound: reader.read(LISTENER_VARIABLES.inbound),
    outbound: outboundPair ?? [outboundSingle],
    tap: reader.read(LISTENER_VARIABLES.tap),
    admin: reader.read(LISTENER_VARIABLES.admin),
  };
  const clusterNetworks = reader.read(POLICY_VARIABLES.clusterNetworks);
  if (clusterNetworks.length === 0) {
    reader.tell(
      'info',
      {},
      `${POLICY_VARIABLES.clusterNetworks.name} is not set: policies of the cluster are off`,
    );
  }
  const inbound = inboundConfig(reader, clusterNetworks.length > 0);
  const outbound = outboundConfig(reader);
  const destination = reader.controller(DESTINATION_VARIABLES.service, 'noDestination');
  const policy = reader.controller(POLICY_VARIABLES.service, 'noPolicy');
  const workload = reader.require(POLICY_VARIABLES.workload);
  const identity = identityConfig(reader, files);
  const tapClient = reader.find(TAP_VARIABLES.client);
  const rest = {
    http2Client: {
      streamBytes: reader.read(HTTP2_CLIENT_VARIABLES.streamWindow),
      connectionBytes: reader.read(HTTP2_CLIENT_VARIABLES.connectionWindow),
    },
    streamLimits: streamLimits(reader),
    tap: tapClient === undefined ? undefined : { client: tapClient },
    tracing: tracing(reader, files),
    dns: {
      minTtlMs: reader.find(DNS_VARIABLES.minTtl),
      maxTtlMs: reader.find(DNS_VARIABLES.maxTtl),
      servers: reader.read(OWN_VARIABLES.nameServers),
    },
    metricsRetainIdleMs: reader.read(PROCESS_VARIABLES.metricsRetainIdle),
    shutdown: {
      endpointEnabled: reader.read(PROCESS_VARIABLES.shutdownEndpoint),
      graceMs: reader.read(PROCESS_VARIABLES.shutdownGrace),
    },
    cores: cores(reader),
    poller: reader.find(OWN_VARIABLES.poller) ?? defaultPoller(),
  };
  const questions = {
    context: reader.read(DESTINATION_VARIABLES.context),
    profileSuffixes: reader.read(DESTINATION_VARIABLES.profileSuffixes),
    profileNetworks: reader.read(DESTINATION_VARIABLES.profileNetworks),
  };
  tellUnknown(reader, variables);
  const notices = [...logNotices, ...reader.notices];
  if (
    reader.refusal !== undefined ||
    destination === undefined ||
    policy === undefined ||
    workload === undefined ||
    identity === undefined
  ) {
    const reason = START_REFUSALS[reader.refusal ?? 'invalid'];
    return failure({ lines: reader.errors, reason, notices });
  }
  const config: ProxyConfig = {
    ...rest,
    listeners,
    inbound,
    outbound,
    destination: { controller: destination, ...questions },
    policy: { controller: policy, workload, clusterNetworks },
    identity,
    logs,
  };
  return success({ config: deepFreeze(config), notices });
}
