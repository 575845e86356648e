// The composition root of `sluice run`: every part is built here, in dependency order, and undone in
// reverse. Reading compose() from top to bottom is reading the life of a run. Whatever fails after
// capture is attached, it is detached again and the command is not left cut off.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

import { createAdminServer } from './admin/admin.js';
import { Readiness } from './admin/health.js';
import { type LevelControl } from './admin/log-level-endpoint.js';
import { type CaptureView } from './admin/routes-endpoint.js';
import { type AdminServer } from './admin/server.js';
import { defaultMeshConfig } from './config/defaults.js';
import { environmentVariables, LOG_LEVELS } from './config/environment.js';
import { type MeshConfig } from './config/mesh-config.js';
import { type LoadedMeshFile } from './config/mesh-file-watcher.js';
import { systemClock } from './core/clock.js';
import { IdSequence } from './core/ids.js';
import { formatHostPort, type HostPort } from './core/ip.js';
import { type ReadonlyWatch, Watch } from './core/watch.js';
import { AddonUnavailableError, ContractMismatchError } from './dataplane/errors.js';
import { type DnsResolver } from './discovery/dns-resolver.js';
import { SystemDnsResolver } from './discovery/system-dns-resolver.js';
import { planCapture } from './ebpf/attach-plan.js';
import { type CapabilityFacts } from './ebpf/capability-facts.js';
import { probeCapabilities } from './ebpf/capability-probe.js';
import { prepareWorkload, type Workload } from './launch/workload.js';
import { DataPlaneLog } from './logs/data-plane-log.js';
import { dataPlaneLevel, parseLogLevel } from './logs/log-level.js';
import { followLoudest, LogStreams } from './logs/log-streams.js';
import { type LogOutput, ProcessLogger, standardErrorOutput } from './logs/logger.js';
import { BalancerGauges } from './metrics/balancer-gauges.js';
import { DataPlaneCollector } from './metrics/data-plane-collector.js';
import { type Directory } from './metrics/family-description.js';
import { METRIC_BOUNDS } from './metrics/metric-bounds.js';
import { systemProcessFacts } from './metrics/process-metrics.js';
import { MetricsRegistry } from './metrics/registry.js';
import { ListenFailedError } from './routing/explicit-listeners.js';
import { NO_POLICIES } from './routing/route-directory.js';
import { MeshRouter } from './routing/mesh-router.js';
import { type DestinationDirectory } from './routing/target-directory.js';
import { acceptable, captureWishes, startCapture } from './run/capture.js';
import { exitCodeOf, makeWorkload, proxyVariables, untilEnded } from './run/command.js';
import { availableMemoryBytes, dataPlaneSettings } from './run/data-plane-settings.js';
import { followCrashes, stackOf } from './run/crashes.js';
import { drain } from './run/drain.js';
import { EX_SOFTWARE, EX_UNAVAILABLE, signalExitCode } from './run/exit-codes.js';
import { changesForNextStart } from './run/late-changes.js';
import { listenError } from './run/listen.js';
import { systemProcFiles } from './run/port-holder.js';
import {
  type CrashSource,
  type DataPlaneOpener,
  openNativeDataPlane,
  type OpenedDataPlane,
  processCrashes,
  processSignals,
} from './run/process-effects.js';
import { type RunContext, type RunEffects } from './run/run-context.js';
import { DEFAULT_ADMIN, type RunOptions } from './run/run-options.js';
import { isForegroundGroup, SignalRelay, type SignalSource } from './run/signal-relay.js';
import { StartError } from './run/start-error.js';
import { Teardown } from './run/teardown.js';
import { packageVersion } from './run/version.js';
import { EndpointPictures } from './why/endpoint-pictures.js';
import { FailureTrail } from './why/failure-trail.js';

/** Everything a run does to the world, so that a test can be the world. */
export interface AppEffects extends RunEffects {
  readonly logOutput: () => LogOutput;
  readonly probe: () => Promise<CapabilityFacts>;
  readonly openDataPlane: DataPlaneOpener;
  readonly resolver: (servers: readonly string[]) => DnsResolver;
  readonly signals: SignalSource;
  readonly sharesTerminal: () => boolean;
  readonly crashes: CrashSource;
  readonly memoryBytes: () => number;
}

export const systemEffects: AppEffects = {
  clock: systemClock,
  variables: environmentVariables,
  prepareWorkload,
  procFiles: systemProcFiles,
  logOutput: standardErrorOutput,
  probe: probeCapabilities,
  openDataPlane: openNativeDataPlane,
  resolver: (servers) => new SystemDnsResolver({ servers }),
  signals: processSignals,
  sharesTerminal: () => {
    try {
      return isForegroundGroup(readFileSync('/proc/self/stat', 'utf8'));
    } catch {
      return process.stdin.isTTY;
    }
  },
  crashes: processCrashes,
  memoryBytes: availableMemoryBytes,
};

interface App extends RunContext {
  readonly effects: AppEffects;
  readonly logger: ProcessLogger;
  readonly logStreams: LogStreams;
}

/** Runs the command with its traffic through the proxy; answers the exit code. Never rejects. */
export async function runApp(
  options: RunOptions,
  meshFile: LoadedMeshFile | undefined,
  effects: AppEffects,
): Promise<number> {
  const logStreams = new LogStreams();
  const logger = new ProcessLogger({
    level: options.logLevel,
    format: options.logFormat,
    output: effects.logOutput(),
    now: () => effects.clock.wallTime(),
    streams: logStreams,
  });
  const teardown = new Teardown(logger);
  try {
    const config = await followConfig(meshFile, effects, logger, teardown);
    return await compose({
      options,
      effects,
      logger,
      logStreams,
      teardown,
      config,
      listenerIds: new IdSequence(),
    });
  } catch (error) {
    if (error instanceof StartError) {
      logger.error({}, error.message);
      return error.exitCode;
    }
    logger.error({ stack: stackOf(error) }, 'sluice failed');
    return EX_SOFTWARE;
  } finally {
    await teardown.run();
    logger.flush();
  }
}

async function compose(app: App): Promise<number> {
  const { options, effects, logger, logStreams, teardown, config, listenerIds } = app;
  const { clock } = effects;
  /** What earlier parts ask later ones for, once these are there. */
  const late: { workload?: Workload; router?: MeshRouter } = {};

  const crash = followCrashes(effects.crashes, logger, teardown);
  const relay = new SignalRelay({
    signals: effects.signals,
    sharesTerminal: effects.sharesTerminal,
    clock,
    logger,
    graceMs: config.value.timeouts.drainMs,
    kill: (signal) => late.workload?.kill(signal) ?? false,
  });
  teardown.add('signals', () => {
    relay.close();
  });

  const facts = await effects.probe();
  const plan = acceptable(planCapture(facts, captureWishes(app)));

  const { dataPlane, versions } = openDataPlane(app);
  const targets: Directory & DestinationDirectory = {
    targetInfo: (id) => late.router?.targetInfo(id),
    targetAt: (direction, address) => late.router?.targetAt(direction, address),
    routeInfo: (id) => late.router?.routeInfo(id),
    backendInfo: (id) => late.router?.backendInfo(id),
    // A mesh file asks nothing of clients.
    ...NO_POLICIES,
  };
  const collector = new DataPlaneCollector(dataPlane, targets);
  const balancers = new BalancerGauges(dataPlane, targets);
  const pictures = new EndpointPictures({ inspect: () => dataPlane.inspect(), targets, clock });
  const trail = new FailureTrail({ source: dataPlane, targets, pictures, wallTime: () => clock.wallTime() });
  teardown.add('failure trail', () => {
    trail.close();
  });
  const dataPlaneLog = new DataPlaneLog({
    source: dataPlane,
    log: logger,
    targets,
    picture: (id) => pictures.of(id),
    now: () => clock.now(),
  });
  teardown.add('data plane log', () => {
    dataPlaneLog.close();
  });
  const unfollowLevel = followLoudest([logger.level, logStreams.level], (level) => {
    dataPlane.setLogLevel(dataPlaneLevel(level));
  });
  teardown.add('log level', unfollowLevel);

  // Before the router, which is another one when the kernel refuses. Nobody is in the cgroup yet, and
  // from attaching to the router's subscription is one turn of the loop: no discovery is missed.
  const capture = await startCapture(app, dataPlane, facts, plan);
  const router = new MeshRouter({
    dataPlane,
    config,
    resolver: effects.resolver(options.dnsServers),
    clock,
    logger,
    listenerIds,
    httpProxy: capture.rung === 3 ? 'always' : 'configured',
  });
  late.router = router;
  await startRouter(app, router);
  const explicit = explicitListeners(router);

  const view: CaptureView = {
    rung: capture.rung,
    hooks: capture.hooks,
    listeners: [...capture.listeners, ...explicit.texts],
  };
  const readiness = new Readiness();
  const admin = await startAdmin(app, (address) =>
    createAdminServer({
      address,
      clock,
      logger,
      readiness,
      metrics: new MetricsRegistry([collector, balancers], versions, systemProcessFacts),
      variables: effects.variables,
      levels: levelControl(logger),
      logs: logStreams,
      shutdownEnabled: () => config.value.admin.shutdown,
      shutDown: () => {
        relay.askToEnd();
        return true;
      },
      routes: { routes: () => router.routes(), inspect: () => dataPlane.inspect(), capture: () => view },
      why: trail,
    }),
  );

  const { rung } = capture;
  const variables = proxyVariables(rung, explicit.httpProxy);
  const workload =
    capture.workload ?? (await makeWorkload(app, { rung, cgroupParent: undefined, variables }));
  late.workload = workload;
  if (relay.endingSignal !== undefined) return signalExitCode(constants.signals[relay.endingSignal]);
  crash.throwIfAborted();
  logger.info(
    {
      rung,
      hooks: view.hooks.join(' ') || 'none',
      listeners: view.listeners.join(', ') || 'none',
      admin: admin?.bound === undefined ? 'off' : formatHostPort(admin.bound),
      workers: options.workers,
      poller: options.poller,
      ...versions,
    },
    'sluice is ready',
  );
  readiness.markReady();

  const exit = await untilEnded(app, workload, crash);
  if (crash.aborted) return EX_SOFTWARE;
  await drain(app, dataPlane, relay.hardEnd);
  return exitCodeOf(exit);
}

/** The mesh file's configuration as it changes, or the default one. */
async function followConfig(
  meshFile: LoadedMeshFile | undefined,
  { clock }: AppEffects,
  logger: ProcessLogger,
  teardown: Teardown,
): Promise<ReadonlyWatch<MeshConfig>> {
  if (meshFile === undefined) return new Watch(defaultMeshConfig);
  const { MeshFileWatcher } = await import('./config/mesh-file-watcher.js');
  const watcher = await teardown.start(new MeshFileWatcher({ loaded: meshFile, clock, logger }));
  const unfollow = watcher.config.subscribe((config) => {
    const keys = changesForNextStart(meshFile.config, config);
    if (keys.length === 0) return;
    logger.warn({ keys: keys.join(', ') }, 'some edits of the mesh file take effect at the next start only');
  });
  teardown.add('mesh file edits', unfollow);
  return watcher.config;
}

function openDataPlane({ options, effects, logger, teardown, config }: App): OpenedDataPlane {
  const settings = dataPlaneSettings({
    config: config.value,
    workers: options.workers,
    poller: options.poller,
    logLevel: dataPlaneLevel(options.logLevel),
    bounds: METRIC_BOUNDS,
    memoryBytes: effects.memoryBytes(),
  });
  try {
    const opened = effects.openDataPlane(settings, (error) => {
      logger.error({ stack: stackOf(error) }, 'an event of the data plane could not be handled');
    });
    teardown.add('data plane', () => {
      opened.dataPlane.close();
    });
    return { dataPlane: opened.dataPlane, versions: { version: packageVersion(), ...opened.versions } };
  } catch (error) {
    if (error instanceof AddonUnavailableError || error instanceof ContractMismatchError) {
      throw new StartError(EX_UNAVAILABLE, error.message);
    }
    throw error;
  }
}

interface ExplicitListeners {
  readonly texts: readonly string[];
  readonly httpProxy: HostPort | undefined;
}

/** At the start every listener of the mesh file must be had; later the router tries again by itself. */
async function startRouter(app: App, router: MeshRouter): Promise<void> {
  try {
    await app.teardown.start(router);
  } catch (error) {
    if (error instanceof ListenFailedError) throw await listenError(app, error.address, error.cause);
    throw error;
  }
}

function explicitListeners(router: MeshRouter): ExplicitListeners {
  const texts: string[] = [];
  for (const { bound, kind, to } of router.routes().listeners) {
    if (bound !== undefined)
      texts.push(`${kind} ${formatHostPort(bound)}${to === undefined ? '' : ` to ${to}`}`);
  }
  return { texts, httpProxy: router.httpProxyAddress };
}

/** Where the operator says; else at the usual place, or at a free port when another run has that. */
async function startAdmin(
  app: App,
  serverAt: (address: HostPort) => AdminServer,
): Promise<AdminServer | undefined> {
  const { options, config, teardown } = app;
  if (options.admin === 'off') return undefined;
  const asked = options.admin ?? config.value.admin.address;
  const address = asked ?? DEFAULT_ADMIN;
  try {
    return await teardown.start(serverAt(address));
  } catch (error) {
    const isBusy = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    if (asked === undefined && isBusy) return teardown.start(serverAt({ ...DEFAULT_ADMIN, port: 0 }));
    throw await listenError(app, address, error);
  }
}

function levelControl(logger: ProcessLogger): LevelControl {
  return {
    current: () => logger.level.value,
    change: (text) => {
      const level = parseLogLevel(text);
      if (level === undefined) return `the level must be one of ${LOG_LEVELS.join(', ')}`;
      logger.setLevel(level);
      return undefined;
    },
  };
}
