// The identity of `sluice proxy` out of its environment: who it is, and who certifies that (reference,
// proxy behaviour §1.7). Files that must be there at the start are looked at, and not kept.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type ProxyId } from './proxy-address-values.js';
import { type CertificateSource, type IdentityConfig } from './proxy-config.js';
import { type ProxyVariableReader } from './proxy-variable-reader.js';
import { IDENTITY_VARIABLES } from './proxy-variables-services.js';

/** Files of this host; throws node's error when one cannot be read. */
export interface FileReader {
  read(path: string): Buffer;
}

export const systemFiles: FileReader = { read: (path) => readFileSync(path) };

/** What an operator can do something about; the message of node would repeat the path. */
export function readFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown error';
}

const CERTIFICATE_FILES = ['csr.der', 'key.p8'];

/** undefined when it can be read and says something, else what is wrong. */
function problemOf(files: FileReader, path: string, isText: boolean): string | undefined {
  try {
    const content = files.read(path);
    const isEmpty = isText ? content.toString('utf8').trim() === '' : content.length === 0;
    return isEmpty ? 'is empty' : undefined;
  } catch (error) {
    return `cannot be read (${readFailure(error)})`;
  }
}

function ownNames(reader: ProxyVariableReader): { id: ProxyId; serverName: string } | undefined {
  const { localName, serverId, serverName } = IDENTITY_VARIABLES;
  if (reader.isSet(localName)) {
    const name = reader.find(localName);
    return name === undefined ? undefined : { id: { kind: 'dns', id: name }, serverName: name };
  }
  if (!reader.isSet(serverId) && !reader.isSet(serverName)) {
    reader.fail(`${localName.name}, or ${serverId.name} and ${serverName.name}, must be set`);
    return undefined;
  }
  const id = reader.require(serverId);
  const name = reader.require(serverName);
  return id === undefined || name === undefined ? undefined : { id, serverName: name };
}

function spireSocket(reader: ProxyVariableReader): string | undefined {
  const { spire, spireOldName } = IDENTITY_VARIABLES;
  if (reader.isSet(spireOldName)) {
    reader.tell('warn', {}, `${spireOldName.name} is an older name of ${spire.name}: use that one`);
  }
  const old = reader.find(spireOldName);
  return reader.find(spire) ?? old;
}

function fromController(reader: ProxyVariableReader, files: FileReader): CertificateSource | undefined {
  const { service, directory, tokenFile, minRefresh, maxRefresh } = IDENTITY_VARIABLES;
  const controller = reader.controller(service, 'invalid');
  const directoryPath = reader.require(directory);
  const tokenPath = reader.require(tokenFile);
  const refresh = { minRefreshMs: reader.read(minRefresh), maxRefreshMs: reader.read(maxRefresh) };
  if (directoryPath !== undefined) {
    for (const name of CERTIFICATE_FILES) {
      const problem = problemOf(files, join(directoryPath, name), false);
      if (problem === undefined) continue;
      reader.reject(directory, `${name} ${problem}`);
      break;
    }
  }
  if (tokenPath !== undefined) {
    const problem = problemOf(files, tokenPath, true);
    if (problem !== undefined) reader.reject(tokenFile, `the file ${problem}`);
  }
  if (controller === undefined || directoryPath === undefined || tokenPath === undefined) return undefined;
  return { kind: 'controller', controller, directory: directoryPath, tokenFile: tokenPath, ...refresh };
}

/** Undefined: something is wrong, and was told. */
export function identityConfig(reader: ProxyVariableReader, files: FileReader): IdentityConfig | undefined {
  const { disabled, trustAnchors, spireBackoff, spire, spireOldName } = IDENTITY_VARIABLES;
  if ((reader.find(disabled) ?? '') !== '') {
    reader.fail(`${disabled.name} is set: identity can no longer be switched off`);
  }
  const trustAnchorsPem = reader.require(trustAnchors);
  const names = ownNames(reader);
  const backoff = reader.backoff(spireBackoff);
  const socketPath = spireSocket(reader);
  let certificates: CertificateSource | undefined;
  if (reader.isSet(spire) || reader.isSet(spireOldName)) {
    if (names !== undefined && !/^spiffe:\/\//i.test(names.id.id)) {
      reader.fail(`SPIRE needs ${IDENTITY_VARIABLES.serverId.name} to be a spiffe:// URI`);
    }
    if (socketPath !== undefined) certificates = { kind: 'spire', socketPath, backoff };
  } else {
    if (names !== undefined && (names.id.kind !== 'dns' || names.id.id !== names.serverName)) {
      reader.fail(
        `${IDENTITY_VARIABLES.serverId.name} and ${IDENTITY_VARIABLES.serverName.name} must be the same DNS name without SPIRE`,
        'differentNames',
      );
    }
    certificates = fromController(reader, files);
  }
  if (trustAnchorsPem === undefined || names === undefined || certificates === undefined) return undefined;
  return { ...names, trustAnchorsPem, certificates };
}
