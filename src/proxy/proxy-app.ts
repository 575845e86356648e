// `sluice proxy`: a sidecar that Linkerd's injector configures and Linkerd's controllers drive. Read from
// top to bottom it is the life of one: environment, data plane, ports, controllers, identity, traffic,
// drain. What is built is undone in reverse, whatever happens (reference, proxy behaviour §1.1, §2.1, §13).
import { availableParallelism } from 'node:os';

import { Readiness } from '../admin/health.js';
import { type ProxyConfig } from '../config/proxy-config.js';
import { parseProxyEnvironment, proxyLogConfig } from '../config/proxy-environment.js';
import { type ProxyNotice } from '../config/proxy-variable-reader.js';
import { workerCount } from '../config/worker-count.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import { type DataPlane } from '../dataplane/dataplane.js';
import { AddonUnavailableError, ContractMismatchError } from '../dataplane/errors.js';
import { dataPlaneLevel } from '../logs/log-level.js';
import { ProxyLogger } from '../logs/proxy-logger.js';
import { ProxyRouter } from '../routing/proxy-router.js';
import { followCrashes, stackOf } from '../run/crashes.js';
import { EX_SOFTWARE, EX_UNAVAILABLE, EX_USAGE } from '../run/exit-codes.js';
import { type OpenedDataPlane } from '../run/process-effects.js';
import { StartError } from '../run/start-error.js';
import { Teardown } from '../run/teardown.js';
import { packageVersion } from '../run/version.js';
import { Controllers, describeController } from './controllers.js';
import { proxyDataPlaneSettings } from './proxy-data-plane.js';
import {
  type ControllerCertificates,
  makeCertifier,
  untilCertified,
  usableCertificates,
} from './proxy-identity.js';
import { BindError, ProxyListeners } from './proxy-listeners.js';
import { type Proxy, type ProxyEffects } from './proxy-context.js';
import { drainProxy, ProxyShutdown, untilAborted } from './proxy-shutdown.js';
import { startViews } from './proxy-views.js';
import { routerSettings } from './router-settings.js';

/** Runs until it is told to end; answers the exit code. Never rejects. */
export async function runProxy(effects: ProxyEffects): Promise<number> {
  const logConfig = proxyLogConfig(effects.variables());
  const created = ProxyLogger.create({
    filter: logConfig.filter,
    format: logConfig.format,
    output: effects.logOutput(),
    now: () => effects.clock.wallTime(),
  });
  if (!created.ok) {
    effects.complain(`Invalid logging configuration: ${created.error}\n`);
    return EX_USAGE;
  }
  const logger = created.value;
  const teardown = new Teardown(logger);
  try {
    tell(effects, logger, logConfig.notices);
    const { config, certificates } = configure(effects, logger);
    const shutdown = new ProxyShutdown(effects.signals, logger);
    teardown.add('signals', () => {
      shutdown.close();
    });
    return await serve({
      config,
      certificates,
      effects,
      logger,
      teardown,
      shutdown,
      crash: followCrashes(effects.crashes, logger, teardown),
    });
  } catch (error) {
    if (error instanceof StartError) {
      effects.complain(`${error.message}\n`);
      return error.exitCode;
    }
    logger.error({ stack: stackOf(error) }, 'sluice failed');
    return EX_SOFTWARE;
  } finally {
    await teardown.run();
    logger.flush();
  }
}

function configure(
  effects: ProxyEffects,
  logger: ProxyLogger,
): { readonly config: ProxyConfig; readonly certificates: ControllerCertificates } {
  const environment = parseProxyEnvironment(effects.variables());
  tell(effects, logger, environment.ok ? environment.value.notices : environment.error.notices);
  if (!environment.ok) {
    for (const line of environment.error.lines) logger.error({}, line);
    throw new StartError(EX_USAGE, `Invalid configuration: ${environment.error.reason}`);
  }
  const { config } = environment.value;
  if (config.outbound.ingressMode) {
    throw new StartError(EX_USAGE, 'Invalid configuration: ingress mode is not supported in this version');
  }
  const certificates = usableCertificates(config.identity);
  if (!certificates.ok) throw new StartError(EX_USAGE, `Invalid configuration: ${certificates.error}`);
  return { config, certificates: certificates.value };
}

function tell({ complain }: ProxyEffects, logger: ProxyLogger, notices: readonly ProxyNotice[]): void {
  for (const { to, level, fields, message } of notices) {
    if (to === 'standard error') complain(`${message}\n`);
    else logger[level](fields, message);
  }
}

async function serve(proxy: Proxy): Promise<number> {
  const { config, certificates, effects, logger, teardown, shutdown, crash } = proxy;
  const { clock } = effects;
  const workers = workerCount(config.cores, availableParallelism());
  const { dataPlane, versions } = openDataPlane(proxy, workers);
  logger.part('process').info({}, `release ${packageVersion()}`);
  logger.info(
    { workers },
    workers === 1 ? 'Using single-threaded proxy runtime' : 'Using multi-threaded proxy runtime',
  );

  const controllers = new Controllers({
    config,
    identity: certificates.controller,
    names: effects.names(config.dns),
    clock,
    logger: logger.part('control'),
  });
  const certifier = await makeCertifier({
    identity: config.identity,
    certificates,
    client: controllers.certify,
    clock,
    logger: logger.part('identity'),
  });
  if (!certifier.ok) throw new StartError(EX_USAGE, `Invalid configuration: ${certifier.error}`);

  /** What earlier parts ask later ones for, once these are there. */
  const late: { listeners?: ProxyListeners } = {};
  const inboundPort = (): number | undefined =>
    late.listeners?.bound.find(({ direction }) => direction === 'inbound')?.address.port;
  const router = new ProxyRouter({
    dataPlane,
    controlPlane: controllers.controlPlane,
    settings: routerSettings(config, {
      inbound: inboundPort,
      admin: config.listeners.admin.port === 0 ? undefined : config.listeners.admin.port,
    }),
    clock,
    logger: logger.part('policy'),
  });
  const readiness = new Readiness();
  const admin = await startViews(proxy, {
    dataPlane,
    versions,
    router,
    sources: controllers.sources,
    certificate: () => certifier.value.counts,
    readiness,
    bound: () => late.listeners?.bound ?? [],
  });
  late.listeners = bindListeners(proxy, dataPlane);
  tellStart(proxy, admin, late.listeners);

  await teardown.start(controllers);
  await teardown.start(router);
  await teardown.start(certifier.value);
  const ended = AbortSignal.any([shutdown.asked, crash]);
  if (await untilCertified(certifier.value, clock, logger, ended)) {
    late.listeners.accept();
    readiness.markReady();
  }
  await untilAborted(ended);
  if (crash.aborted) return EX_SOFTWARE;
  await drainProxy(dataPlane, clock, logger, config.shutdown.graceMs);
  return 0;
}

function openDataPlane({ config, effects, logger, teardown }: Proxy, workers: number): OpenedDataPlane {
  try {
    const settings = proxyDataPlaneSettings({
      config,
      workers,
      logLevel: dataPlaneLevel(logger.level.value),
      memoryBytes: effects.memoryBytes(),
    });
    const opened = effects.openDataPlane(settings, (error) => {
      logger.error({ stack: stackOf(error) }, 'an event of the data plane could not be handled');
    });
    teardown.add('data plane', () => {
      opened.dataPlane.close();
    });
    return opened;
  } catch (error) {
    if (error instanceof AddonUnavailableError || error instanceof ContractMismatchError) {
      throw new StartError(EX_UNAVAILABLE, `Initialization failure: ${error.message}`);
    }
    throw error;
  }
}

function bindListeners({ config }: Proxy, dataPlane: DataPlane): ProxyListeners {
  try {
    return new ProxyListeners(dataPlane, config);
  } catch (error) {
    if (error instanceof BindError) throw new StartError(EX_UNAVAILABLE, error.message);
    throw error;
  }
}

/** What the injector's tools and people look for, in this order. */
function tellStart(
  { config, certificates, logger }: Proxy,
  admin: HostPort,
  { bound }: ProxyListeners,
): void {
  const { identity, destination } = config;
  logger.info({}, `Admin interface on ${formatHostPort(admin)}`);
  for (const { direction, address } of bound) {
    const side = direction === 'inbound' ? 'Inbound' : 'Outbound';
    logger.info({}, `${side} interface on ${formatHostPort(address)}`);
  }
  // Tap is not served in this version, whatever client is named.
  logger.info({}, 'Tap DISABLED');
  logger.info({}, `SNI is ${identity.serverName}`);
  logger.info({}, `Local identity is ${identity.id.id}`);
  logger.info({}, `Destinations resolved via ${describeController(destination.controller)}`);
  logger.debug({}, `Identity verified via ${describeController(certificates.controller)}`);
}
