// What the commands of the command line do. Modules are loaded when a command needs them: `sluice run --
// true` must not pay for what it does not use.
import { environmentVariables, readEnvironment } from '../config/environment.js';
import { type LoadedMeshFile } from '../config/mesh-file-watcher.js';
import { type HostPort } from '../core/ip.js';
import { EX_UNAVAILABLE, EX_USAGE } from '../run/exit-codes.js';
import { packageVersion } from '../run/version.js';
import { type RawFilter } from '../why/failure-filter.js';
import { AdminUnavailableError, askAdmin } from './admin-client.js';
import { parseControllerOptions, type RawControllerOptions } from './controller-options.js';
import { type Commands } from './program.js';
import { parseRunOptions, type RawRunOptions } from './run-options.js';
import { reportErrors, type Terminal } from './terminal.js';

export function systemCommands(terminal: Terminal): Commands {
  return {
    run: (raw, command, usageErrors) => run(raw, command, usageErrors, terminal),
    proxy: (usageErrors) => proxy(usageErrors, terminal),
    controller: (raw, usageErrors) => controller(raw, usageErrors, terminal),
    doctor: (json) => doctor(json, terminal),
    metrics: (admin) => fromAdmin('sluice metrics', admin, '/metrics', terminal, (text) => text),
    routes: async (admin, json) => {
      const { routesText } = await import('./routes-text.js');
      return fromAdmin('sluice routes', admin, '/routes.json', terminal, (text) =>
        json ? text : routesText(text),
      );
    },
    why: (admin, raw, json, usageErrors) => why(admin, raw, json, usageErrors, terminal),
    version: () => version(terminal),
  };
}

/** Everything wrong with the command line, the environment and the mesh file is said at once. */
async function run(
  raw: RawRunOptions,
  command: readonly string[],
  usageErrors: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const environment = readEnvironment();
  const options = parseRunOptions(raw, command, environment.ok ? environment.value : FALLBACK_ENVIRONMENT);
  const errors = [...usageErrors];
  if (!options.ok) errors.push(...options.error);
  if (!environment.ok) {
    errors.push(...environment.error.map(({ variable, message }) => `${variable} ${message}`));
  }
  const loaded = await loadedMeshFile(raw.config, errors);
  if (errors.length > 0 || !options.ok) {
    reportErrors(terminal, 'sluice run', errors);
    return EX_USAGE;
  }
  const { runApp, systemEffects } = await import('../app.js');
  return runApp(options.value, loaded, systemEffects);
}

/** As `run`: every mistake at once. */
async function controller(
  raw: RawControllerOptions,
  usageErrors: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const environment = readEnvironment();
  const options = parseControllerOptions(
    raw,
    environment.ok ? environment.value : FALLBACK_ENVIRONMENT,
    environmentVariables(),
    process.getuid?.() === 0,
  );
  const errors = [...usageErrors];
  if (!options.ok) errors.push(...options.error);
  if (!environment.ok) {
    errors.push(...environment.error.map(({ variable, message }) => `${variable} ${message}`));
  }
  const loaded = await loadedMeshFile(raw.config, errors);
  if (errors.length > 0 || !options.ok || loaded === undefined) {
    reportErrors(terminal, 'sluice controller', errors);
    return EX_USAGE;
  }
  const { runController, systemControllerEffects } = await import('../controller-app.js');
  return runController(options.value, loaded, systemControllerEffects);
}

/** Adds what is wrong with the file to `errors`. Undefined also when no file is named. */
async function loadedMeshFile(
  file: string | true | undefined,
  errors: string[],
): Promise<LoadedMeshFile | undefined> {
  if (typeof file !== 'string' || file === '') return undefined;
  const { loadMeshFile } = await import('../config/mesh-file-watcher.js');
  const loaded = await loadMeshFile(file);
  if (loaded.ok) return loaded.value;
  const { formatMeshFileError } = await import('../config/parse-mesh-file.js');
  errors.push(...loaded.error.map(formatMeshFileError));
  return undefined;
}

/** All of its configuration is in the environment. */
async function proxy(usageErrors: readonly string[], terminal: Terminal): Promise<number> {
  if (usageErrors.length > 0) {
    reportErrors(terminal, 'sluice proxy', [...usageErrors, '`sluice proxy --help` shows how it is used']);
    return EX_USAGE;
  }
  const [{ runProxy }, { systemProxyEffects }] = await Promise.all([
    import('../proxy/proxy-app.js'),
    import('../proxy/system-effects.js'),
  ]);
  return runProxy(systemProxyEffects);
}

/** Only so that the options can be judged although the environment cannot. */
const FALLBACK_ENVIRONMENT = {
  logLevel: 'info',
  logFormat: 'plain',
  workers: 1,
  poller: 'libuv',
  dnsServers: [],
} as const;

async function doctor(json: boolean, terminal: Terminal): Promise<number> {
  const [{ probeCapabilities }, { explain, planCapture }, { defaultMeshConfig }] = await Promise.all([
    import('../ebpf/capability-probe.js'),
    import('../ebpf/attach-plan.js'),
    import('../config/defaults.js'),
  ]);
  const facts = await probeCapabilities();
  const plan = planCapture(facts, {
    inboundPorts: [],
    redirectedPort: undefined,
    allowEbpf: true,
    requireEbpf: false,
    refusedByKernel: undefined,
    config: defaultMeshConfig,
  });
  if (json) {
    const text = JSON.stringify(
      { facts, plan },
      (_key, value: unknown) => (value instanceof Set ? [...value] : value),
      2,
    );
    terminal.out(`${text}\n`);
  } else {
    terminal.out(`${explain(plan).join('\n')}\n`);
  }
  return 0;
}

/** What is wrong with the filters is found here: a bad one would only be refused by the proxy. */
async function why(
  admin: HostPort | undefined,
  raw: RawFilter,
  json: boolean,
  usageErrors: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [{ parseFilter }, { whyText }] = await Promise.all([
    import('../why/failure-filter.js'),
    import('./why-text.js'),
  ]);
  const filter = parseFilter(raw, '--');
  const errors = filter.ok ? usageErrors : [...usageErrors, ...filter.error];
  if (errors.length > 0 || admin === undefined) {
    reportErrors(terminal, 'sluice why', [...errors, '`sluice why --help` shows how it is used']);
    return EX_USAGE;
  }
  const query = new URLSearchParams(
    Object.entries(raw).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  ).toString();
  const path = query === '' ? '/why.json' : `/why.json?${query}`;
  return fromAdmin('sluice why', admin, path, terminal, (text) => (json ? text : whyText(text, new Date())));
}

async function fromAdmin(
  command: string,
  admin: HostPort,
  path: string,
  terminal: Terminal,
  show: (text: string) => string,
): Promise<number> {
  try {
    terminal.out(show(await askAdmin(admin, path)));
    return 0;
  } catch (error) {
    if (!(error instanceof AdminUnavailableError)) throw error;
    reportErrors(terminal, command, [error.message]);
    return EX_UNAVAILABLE;
  }
}

/** What could be loaded, and why the rest could not: useful above all when something is broken. */
async function version(terminal: Terminal): Promise<number> {
  const lines = [`sluice ${packageVersion()}`, `node ${process.versions.node}`];
  let code = 0;
  try {
    const { loadAddon } = await import('../dataplane/load.js');
    const { contractHash, libbpf, protobuf, openssl, uv, nghttp2 } = loadAddon().versions;
    lines.push(`contract ${contractHash}`, `libbpf ${libbpf || 'none'}`, `protobuf ${protobuf}`);
    lines.push(`openssl ${openssl}`, `libuv ${uv}`, `nghttp2 ${nghttp2}`);
  } catch (error) {
    lines.push(`data plane: ${error instanceof Error ? error.message : String(error)}`);
    code = EX_UNAVAILABLE;
  }
  terminal.out(`${lines.join('\n')}\n`);
  return code;
}
