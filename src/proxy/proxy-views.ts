// What can be seen of a running proxy: its log, its metrics, its latest failures, and the admin server that
// shows them.
import { createAdminServer } from '../admin/admin.js';
import { type Readiness } from '../admin/health.js';
import { type CaptureView } from '../admin/routes-endpoint.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import { type DataPlane } from '../dataplane/dataplane.js';
import { type CertifierCounts } from '../identity/certifier.js';
import { DataPlaneLog } from '../logs/data-plane-log.js';
import { dataPlaneLevel } from '../logs/log-level.js';
import { followLoudest } from '../logs/log-streams.js';
import { BalancerGauges } from '../metrics/balancer-gauges.js';
import { ControlMetrics, type ControlSource } from '../metrics/control-metrics.js';
import { DataPlaneCollector } from '../metrics/data-plane-collector.js';
import { systemProcessFacts } from '../metrics/process-metrics.js';
import { MetricsRegistry } from '../metrics/registry.js';
import { type ProxyRouter } from '../routing/proxy-router.js';
import { EX_UNAVAILABLE } from '../run/exit-codes.js';
import { StartError } from '../run/start-error.js';
import { packageVersion } from '../run/version.js';
import { EndpointPictures } from '../why/endpoint-pictures.js';
import { FailureTrail } from '../why/failure-trail.js';
import { type Proxy } from './proxy-context.js';
import { type BoundListener } from './proxy-listeners.js';

export interface ViewParts {
  readonly dataPlane: DataPlane;
  readonly versions: Readonly<Record<string, string>>;
  readonly router: ProxyRouter;
  readonly sources: readonly ControlSource[];
  readonly certificate: () => CertifierCounts;
  readonly readiness: Readiness;
  /** Empty until they are there. */
  readonly bound: () => readonly BoundListener[];
}

/** Answers where the admin server listens. */
export async function startViews(proxy: Proxy, parts: ViewParts): Promise<HostPort> {
  const { config, effects, logger, teardown } = proxy;
  const { clock } = effects;
  const { dataPlane, router } = parts;
  const collector = new DataPlaneCollector(dataPlane, router);
  const balancers = new BalancerGauges(dataPlane, router);
  const pictures = new EndpointPictures({ inspect: () => dataPlane.inspect(), targets: router, clock });
  const trail = new FailureTrail({
    source: dataPlane,
    targets: router,
    pictures,
    wallTime: () => clock.wallTime(),
  });
  teardown.add('failure trail', () => {
    trail.close();
  });
  const dataPlaneLog = new DataPlaneLog({
    source: dataPlane,
    log: logger,
    targets: router,
    picture: (id) => pictures.of(id),
    now: () => clock.now(),
  });
  teardown.add('data plane log', () => {
    dataPlaneLog.close();
  });
  followLevels(proxy, dataPlane);
  const metrics = new MetricsRegistry(
    [collector, balancers, new ControlMetrics(parts.sources, parts.certificate)],
    { version: packageVersion(), ...parts.versions },
    systemProcessFacts,
  );
  const address = config.listeners.admin;
  const server = createAdminServer({
    address,
    clock,
    logger: logger.part('admin'),
    readiness: parts.readiness,
    metrics,
    variables: effects.variables,
    levels: logger.control,
    logs: logger.streams,
    shutdownEnabled: () => config.shutdown.endpointEnabled,
    shutDown: () => proxy.shutdown.askToEnd(),
    routes: {
      routes: () => router.routes(),
      inspect: () => dataPlane.inspect(),
      capture: () => captureView(parts.bound()),
    },
    why: { select: (filter) => trail.select(filter), streams: () => router.streams() },
  });
  try {
    await teardown.start(server);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(
      EX_UNAVAILABLE,
      `Initialization failure: admin interface ${formatHostPort(address)}: ${why}`,
    );
  }
  return server.bound ?? address;
}

/** The data plane logs what the output or a follower of the log wants. */
function followLevels({ logger, teardown }: Proxy, dataPlane: DataPlane): void {
  const levels = logger.streams === undefined ? [logger.level] : [logger.level, logger.streams.level];
  const unfollow = followLoudest(levels, (level) => {
    dataPlane.setLogLevel(dataPlaneLevel(level));
  });
  teardown.add('log level', unfollow);
}

function captureView(bound: readonly BoundListener[]): CaptureView {
  return {
    rung: 2,
    hooks: [],
    listeners: bound.map(({ direction, address }) => `${direction} ${formatHostPort(address)}`),
  };
}
