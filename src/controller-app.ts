// The composition root of `sluice controller`: every part is built here, in dependency order, and stopped
// in reverse. It ends with 0 when it is asked to end, within a second or two whatever its clients do.
import { dirname } from 'node:path';

import type { Variables } from './config/environment.js';
import type { MeshConfig } from './config/mesh-config.js';
import { type LoadedMeshFile, MeshFileWatcher } from './config/mesh-file-watcher.js';
import { environmentVariables } from './config/environment.js';
import { AuthorityFilesError } from './controller/certificate-files.js';
import { Certifier } from './controller/certifier.js';
import type { ControllerOptions } from './controller/controller-options.js';
import { ControllerServer } from './controller/controller-server.js';
import { leftOut } from './controller/left-out.js';
import { MeshAnswers } from './controller/mesh-answers.js';
import { MeshViews } from './controller/mesh-views.js';
import { variablesForProxies } from './controller/proxy-variables.js';
import { type Clock, systemClock } from './core/clock.js';
import { formatHostPort, isLoopback } from './core/ip.js';
import type { Logger } from './core/logger.js';
import type { ReadonlyWatch } from './core/watch.js';
import type { DnsResolver } from './discovery/dns-resolver.js';
import { SystemDnsResolver } from './discovery/system-dns-resolver.js';
import { type LogOutput, ProcessLogger, standardErrorOutput } from './logs/logger.js';
import { EX_SOFTWARE, EX_UNAVAILABLE } from './run/exit-codes.js';
import { type CrashSource, processCrashes, processSignals } from './run/process-effects.js';
import type { SignalSource } from './run/signal-relay.js';
import { StartError } from './run/start-error.js';
import { Teardown } from './run/teardown.js';

/** Everything a controller does to the world beside its socket and its files. */
export interface ControllerEffects {
  readonly clock: Clock;
  readonly variables: () => Variables;
  readonly logOutput: () => LogOutput;
  readonly resolver: (servers: readonly string[]) => DnsResolver;
  readonly signals: SignalSource;
  readonly crashes: CrashSource;
}

export const systemControllerEffects: ControllerEffects = {
  clock: systemClock,
  variables: environmentVariables,
  logOutput: standardErrorOutput,
  resolver: (servers) => new SystemDnsResolver({ servers }),
  signals: processSignals,
  crashes: processCrashes,
};

/** Serves until it is asked to end; answers the exit code. Never rejects. */
export async function runController(
  options: ControllerOptions,
  meshFile: LoadedMeshFile,
  effects: ControllerEffects,
): Promise<number> {
  const { clock } = effects;
  const logger = new ProcessLogger({
    level: options.logLevel,
    format: options.logFormat,
    output: effects.logOutput(),
    now: () => clock.wallTime(),
  });
  const teardown = new Teardown(logger);
  // Heard from the beginning: whoever ends it while it starts does not wait for more than that.
  const ended = untilEnded(effects, teardown, logger);
  try {
    await compose(options, meshFile, effects, logger, teardown);
    return await ended;
  } catch (error) {
    if (error instanceof StartError) {
      logger.error({}, error.message);
      return error.exitCode;
    }
    logger.error({ error }, 'the controller failed');
    return EX_SOFTWARE;
  } finally {
    await teardown.run();
    logger.flush();
  }
}

async function compose(
  options: ControllerOptions,
  meshFile: LoadedMeshFile,
  { clock, variables, resolver }: ControllerEffects,
  logger: ProcessLogger,
  teardown: Teardown,
): Promise<void> {
  const { config } = await teardown.start(new MeshFileWatcher({ loaded: meshFile, clock, logger }));
  const { views } = await teardown.start(
    new MeshViews({ config, resolver: resolver(options.dnsServers), clock, logger }),
  );
  const certifier = new Certifier({
    config,
    folder: options.authorityFolder,
    tokens: { folder: dirname(meshFile.file), variables: variables() },
    clock,
    logger,
  });
  try {
    await teardown.start(certifier);
  } catch (error) {
    throw error instanceof AuthorityFilesError ? new StartError(EX_UNAVAILABLE, error.message) : error;
  }
  const answers = new MeshAnswers(views);
  teardown.add('answers', () => {
    answers.close();
  });
  const server = new ControllerServer({ listen: options.listen, answers, certifier, clock, logger });
  try {
    await teardown.start(server);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const address = formatHostPort(options.listen);
    throw new StartError(EX_UNAVAILABLE, `cannot listen on ${address}: ${why}`);
  }
  teardown.add('left-out', tellLeftOut(config, logger));
  if (!isLoopback(options.listen.ip)) {
    logger.warn(
      { listen: formatHostPort(options.listen) },
      'others can read tokens on their way here: there is no TLS',
    );
  }
  logger.info(variablesForProxies(server.address, certifier.anchorsFile), 'the environment of proxies');
  logger.info({ listen: formatHostPort(server.address) }, 'the controller is ready');
}

/** What is left out at the start, and what is added to that by edits. */
function tellLeftOut(config: ReadonlyWatch<MeshConfig>, logger: Logger): () => void {
  let told = new Set<string>();
  return config.subscribe((present) => {
    const items = leftOut(present);
    for (const { path, why } of items) {
      if (!told.has(path)) logger.warn({ path, why }, 'proxies cannot be told a part of the mesh file');
    }
    told = new Set(items.map(({ path }) => path));
  });
}

/** The exit code, once a signal or an error that nobody handled ends it. */
function untilEnded(effects: ControllerEffects, teardown: Teardown, logger: Logger): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const forget = effects.signals(signal, () => {
        logger.info({ signal }, 'the controller ends');
        resolve(0);
      });
      teardown.add(signal, forget);
    }
    const forget = effects.crashes((error) => {
      logger.error({ error }, 'the controller failed');
      resolve(EX_SOFTWARE);
    });
    teardown.add('crashes', forget);
  });
}
