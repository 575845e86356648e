// Opens the add-on: the only file that does. Finds it where it was built (native/build) or among
// the prebuilt ones, checks that it speaks the same contract, and says what it is made of.
//
// The add-on links neither OpenSSL nor nghttp2: those symbols are node's own. It is bound at once
// (RTLD_NOW), so that a missing one is an error here and not a crash later; never with
// RTLD_DEEPBIND, which breaks the C++ standard streams that node copy-relocates.
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

import type { Addon, AddonVersions } from './addon.js';
import { AddonUnavailableError, ContractMismatchError } from './errors.js';
import { CONTRACT_HASH } from './gen/contract-hash.js';

export interface Versions extends AddonVersions {
  readonly node: string;
  /** Node's copies, which the add-on uses. */
  readonly uv: string;
  readonly nghttp2: string;
}

export interface LoadedAddon {
  readonly addon: Addon;
  readonly path: string;
  readonly versions: Versions;
}

/** The root of the package: dist/src/dataplane/load.js is three folders below it. */
const PACKAGE_ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const BUILD_IT = 'run `scripts/build` in the root of sluice';

/**
 * Throws AddonUnavailableError or ContractMismatchError, whose messages say what to run.
 * `folders` are searched in order, each for build/Release and for prebuilds.
 */
export function loadAddon(folders: readonly string[] = [`${PACKAGE_ROOT}native`, PACKAGE_ROOT]): LoadedAddon {
  const path = findAddon(folders);
  const addon = openAddon(path);
  const versions = addon.versions();
  checkContract(versions.contractHash, CONTRACT_HASH, path);
  return {
    addon,
    path,
    versions: {
      ...versions,
      node: process.versions.node,
      uv: process.versions.uv,
      nghttp2: process.versions['nghttp2'] ?? '',
    },
  };
}

/** Throws ContractMismatchError unless both sides were generated from the same contract. */
export function checkContract(addonHash: string, ourHash: string, path: string): void {
  if (addonHash === ourHash) return;
  throw new ContractMismatchError(
    `${path} was built from contract ${addonHash}, but this control logic speaks ${ourHash}: ${BUILD_IT}`,
  );
}

function findAddon(folders: readonly string[]): string {
  const require = createRequire(import.meta.url);
  const { path: resolve } = require('node-gyp-build') as { path: (folder: string) => string };
  const reasons: unknown[] = [];
  for (const folder of folders) {
    try {
      return resolve(folder);
    } catch (error) {
      reasons.push(error);
    }
  }
  throw new AddonUnavailableError(
    `the data plane is not built for ${process.platform}-${process.arch} (looked in ${folders.join(', ')}): ${BUILD_IT}`,
    { cause: reasons.at(-1) },
  );
}

function openAddon(path: string): Addon {
  const module: { exports: unknown } = { exports: {} };
  try {
    process.dlopen(module, path, constants.dlopen.RTLD_NOW);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AddonUnavailableError(`${path} cannot be loaded: ${why}; ${BUILD_IT}`, { cause: error });
  }
  if (!isAddon(module.exports)) {
    throw new AddonUnavailableError(`${path} is not sluice's data plane: ${BUILD_IT}`);
  }
  return module.exports;
}

function isAddon(exports: unknown): exports is Addon {
  return (
    typeof exports === 'object' &&
    exports !== null &&
    'DataPlane' in exports &&
    typeof exports.DataPlane === 'function' &&
    'versions' in exports &&
    typeof exports.versions === 'function'
  );
}
