// Opening the add-on: what it reports, and what is said when it cannot be used.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { AddonUnavailableError, ContractMismatchError } from '../../src/dataplane/errors.js';
import { CONTRACT_HASH } from '../../src/dataplane/gen/contract-hash.js';
import { checkContract, loadAddon } from '../../src/dataplane/load.js';

/** A folder that ends with the test, with `build/Release/dataplane.node` written by `fill`. */
function folderWith(t: TestContext, fill: (file: string) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-contract-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
  fill(join(folder, 'build', 'Release', 'dataplane.node'));
  return folder;
}

function messageMatches(
  type: new (message: string) => Error,
  ...parts: string[]
): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof type);
    for (const part of parts) assert.ok(error.message.includes(part), error.message);
    return true;
  };
}

test('the add-on reports its contract and what it is made of', () => {
  const { versions, path } = loadAddon();
  assert.ok(path.endsWith('.node'));
  assert.equal(versions.contractHash, CONTRACT_HASH);
  assert.match(versions.protobuf, /^\d+\.\d+/);
  if (process.platform === 'linux') assert.match(versions.libbpf, /^v?\d+\.\d+/);
  // The add-on resolved node's own copy.
  assert.ok(versions.openssl.includes(process.versions.openssl.split('+')[0] ?? ''));
  assert.equal(versions.node, process.versions.node);
  assert.equal(versions.uv, process.versions.uv);
  assert.match(versions.nghttp2, /^\d+\.\d+/);
});

test('the add-on can be loaded again', () => {
  assert.equal(loadAddon().path, loadAddon().path);
});

test('an add-on of another contract is refused, with both hashes and what to run', () => {
  const hash = CONTRACT_HASH.replace(/^./, (first) => (first === '0' ? '1' : '0'));
  assert.throws(
    () => {
      checkContract(hash, CONTRACT_HASH, '/somewhere/dataplane.node');
    },
    messageMatches(ContractMismatchError, hash, CONTRACT_HASH, '/somewhere/dataplane.node', 'scripts/build'),
  );
  checkContract(CONTRACT_HASH, CONTRACT_HASH, '/somewhere/dataplane.node');
});

test('a missing add-on is refused, with where it was looked for and what to run', (t) => {
  const folder = folderWith(t, () => undefined);
  assert.throws(
    () => loadAddon([folder]),
    messageMatches(AddonUnavailableError, folder, process.platform, 'scripts/build'),
  );
});

test('a file that is no add-on is refused by its name', (t) => {
  const folder = folderWith(t, (file) => {
    writeFileSync(file, 'not a shared object');
  });
  assert.throws(
    () => loadAddon([folder]),
    messageMatches(
      AddonUnavailableError,
      join(folder, 'build', 'Release', 'dataplane.node'),
      'scripts/build',
    ),
  );
});

test('folders are searched in order', (t) => {
  const empty = folderWith(t, () => undefined);
  const full = folderWith(t, (file) => {
    copyFileSync(loadAddon().path, file);
  });
  assert.ok(loadAddon([empty, full]).path.startsWith(full));
});
