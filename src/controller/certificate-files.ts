// The folder of the controller's authority: `ca.key` (PKCS#8 PEM, only for its owner), `ca.crt` (the
// issuer, then those above it) and, where the issuer is not an anchor itself, `anchors.crt`. Made when
// it is first needed; after that, and when somebody put their own files there, only read. Two controllers
// that make it at the same time end up with the same files.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { Logger } from '../core/logger.js';
import {
  type AuthorityMaterial,
  CertificateAuthority,
  selfSignedAuthority,
} from './certificate-authority.js';

/** Ten years: whoever needs it renewed brings files of their own. */
const LIFETIME_MS = 10 * 365 * 24 * 60 * 60 * 1000;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const READ_BY_OTHERS = 0o077;

/** Messages name the file. */
export class AuthorityFilesError extends Error {
  override readonly name = 'AuthorityFilesError';
}

export interface AuthorityFolder {
  readonly authority: CertificateAuthority;
  /** What certificates are verified with. */
  readonly anchorsFile: string;
}

/** Rejects with AuthorityFilesError when the files cannot be made or used. `nowMs` is Unix time. */
export async function openAuthorityFolder(
  folder: string,
  nowMs: number,
  logger: Logger,
): Promise<AuthorityFolder> {
  const files = {
    key: resolve(folder, 'ca.key'),
    certificate: resolve(folder, 'ca.crt'),
    anchors: resolve(folder, 'anchors.crt'),
  };
  let keyText = await readIfThere(files.key);
  let certificateText = await readIfThere(files.certificate);
  if (keyText === undefined && certificateText !== undefined) {
    throw new AuthorityFilesError(`${files.certificate} is there without its key, ${files.key}`);
  }
  if (keyText === undefined) {
    await inFolder(folder, () => writeOnce(files.key, newKey(), 0o600));
    keyText = await readNow(files.key);
    logger.info({ folder: resolve(folder) }, 'a new certificate authority is made');
  } else if (((await stat(files.key)).mode & READ_BY_OTHERS) !== 0) {
    logger.warn(
      { file: files.key },
      'the key of the authority can be read by others; chmod 600 would end that',
    );
  }
  const key = parseKey(keyText, files.key);
  const keyDer = key.export({ format: 'der', type: 'pkcs8' });
  if (certificateText === undefined) {
    const publicDer = createPublicKey(key).export({ format: 'der', type: 'spki' });
    const pem = await selfSignedAuthority(keyDer, publicDer, nowMs, LIFETIME_MS);
    await inFolder(folder, () => writeOnce(files.certificate, pem, 0o644));
    certificateText = await readNow(files.certificate);
  }
  const chain = parseChain(certificateText, key, nowMs, files.certificate);
  const material: AuthorityMaterial = { chain: chain.map(String), key: keyDer };
  return {
    authority: await CertificateAuthority.of(material),
    anchorsFile: await anchorsOf(chain, files),
  };
}

async function anchorsOf(
  chain: readonly X509Certificate[],
  files: { readonly certificate: string; readonly anchors: string },
): Promise<string> {
  const anchors = await readIfThere(files.anchors);
  if (anchors !== undefined) {
    if (anchors.match(PEM_CERTIFICATE) === null)
      throw new AuthorityFilesError(`${files.anchors} has no certificate`);
    return files.anchors;
  }
  if (chain.every((certificate) => certificate.subject === certificate.issuer)) return files.certificate;
  throw new AuthorityFilesError(
    `${files.certificate} is issued by somebody else, and ${files.anchors} with the anchors is missing`,
  );
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function parseKey(text: string, file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    // The library's message could show a part of the key.
    throw new AuthorityFilesError(`${file} is not a private key in PEM`);
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new AuthorityFilesError(`${file} is not a key of ECDSA P-256`);
  }
  return key;
}

function parseChain(text: string, key: KeyObject, nowMs: number, file: string): readonly X509Certificate[] {
  let chain: readonly X509Certificate[];
  try {
    chain = (text.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  } catch (error) {
    throw new AuthorityFilesError(`${file} cannot be read as certificates`, { cause: error });
  }
  const [issuer] = chain;
  if (issuer === undefined) throw new AuthorityFilesError(`${file} has no certificate`);
  if (!issuer.ca) throw new AuthorityFilesError(`${file} begins with a certificate that may issue none`);
  if (!issuer.checkPrivateKey(key)) throw new AuthorityFilesError(`${file} is not of the key beside it`);
  if (nowMs < Date.parse(issuer.validFrom) || nowMs >= Date.parse(issuer.validTo)) {
    throw new AuthorityFilesError(`${file} is valid from ${issuer.validFrom} to ${issuer.validTo} only`);
  }
  return chain;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AuthorityFilesError(`cannot be read: ${describe(error)}`, { cause: error });
  }
}

async function readNow(file: string): Promise<string> {
  const text = await readIfThere(file);
  if (text === undefined) throw new AuthorityFilesError(`${file} has gone while it was being used`);
  return text;
}

async function inFolder(folder: string, write: () => Promise<void>): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await write();
  } catch (error) {
    throw new AuthorityFilesError(`the authority cannot be kept: ${describe(error)}`, { cause: error });
  }
}

/** Whole or not at all, and never over a file that is there. */
async function writeOnce(file: string, text: string, mode: number): Promise<void> {
  const draft = join(file, '..', `.${String(process.pid)}.${String(Math.random()).slice(2)}`);
  const handle = await open(draft, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, file);
  } catch (error) {
    // Somebody else was first: theirs is used.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
