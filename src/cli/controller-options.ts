// The options of `sluice controller`, checked: every mistake is reported, each with the option it is in.
// What an option leaves open comes from the environment.
import { isAbsolute, join } from 'node:path';

import { type Environment, LOG_FORMATS, LOG_LEVELS, type Variables } from '../config/environment.js';
import { type ControllerOptions, DEFAULT_CONTROLLER } from '../controller/controller-options.js';
import { isMulticastOrBroadcast, parseHostPort } from '../core/ip.js';
import { failure, type Result, success } from '../core/result.js';
import { oneOf, OptionReader } from './option-reader.js';

/** What the command line said, not checked. `true`: the option came without its value. */
export interface RawControllerOptions {
  readonly config?: string | true;
  readonly listen?: string | true;
  readonly caDir?: string | true;
  readonly logLevel?: string | true;
  readonly logFormat?: string | true;
}

export function parseControllerOptions(
  raw: RawControllerOptions,
  environment: Pick<Environment, 'logLevel' | 'logFormat' | 'dnsServers'>,
  variables: Variables,
  isRoot: boolean,
): Result<ControllerOptions, readonly string[]> {
  const reader = new OptionReader();
  const asItIs = (text: string): string => text;
  const configFile = reader.read('config', raw.config, asItIs, 'the path of a mesh file', undefined);
  if (raw.config === undefined) {
    reader.errors.push('--config is missing: the mesh file says what is served');
  }
  const listen = reader.read(
    'listen',
    raw.listen,
    (text) => {
      const address = parseHostPort(text);
      return address === undefined || isMulticastOrBroadcast(address.ip) ? undefined : address;
    },
    'address:port, such as 127.0.0.1:8086',
    DEFAULT_CONTROLLER,
  );
  const authorityFolder = reader.read(
    'ca-dir',
    raw.caDir,
    asItIs,
    'the path of a folder',
    defaultAuthorityFolder(variables, isRoot),
  );
  if (authorityFolder === undefined && raw.caDir === undefined) {
    reader.errors.push('--ca-dir is missing, and neither XDG_STATE_HOME nor HOME says where to keep it');
  }
  const levels = `one of ${LOG_LEVELS.join(', ')}`;
  const formats = `one of ${LOG_FORMATS.join(', ')}`;
  const logLevel = reader.read('log-level', raw.logLevel, oneOf(LOG_LEVELS), levels, environment.logLevel);
  const logFormat = reader.read(
    'log-format',
    raw.logFormat,
    oneOf(LOG_FORMATS),
    formats,
    environment.logFormat,
  );
  if (reader.errors.length > 0 || configFile === undefined || authorityFolder === undefined) {
    return failure(reader.errors);
  }
  const { dnsServers } = environment;
  return success({ configFile, listen, authorityFolder, logLevel, logFormat, dnsServers });
}

/** The XDG Base Directory Specification: a relative path in the variable counts as none. */
function defaultAuthorityFolder(variables: Variables, isRoot: boolean): string | undefined {
  if (isRoot) return '/var/lib/sluice/ca';
  const { XDG_STATE_HOME: state = '', HOME: home = '' } = variables;
  if (isAbsolute(state)) return join(state, 'sluice', 'ca');
  return isAbsolute(home) ? join(home, '.local', 'state', 'sluice', 'ca') : undefined;
}
