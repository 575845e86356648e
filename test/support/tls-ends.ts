// Real ends of TLS connections, with a certificate made for the test: a server that says which name it was
// asked for, and a client that hears it out.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import tls from 'node:tls';

import { within } from './peer.js';

export interface CertificateFiles {
  readonly key: string;
  readonly certificate: string;
}

/** Of this DNS name, self-signed; gone when the tests of the file have ended. */
export function aCertificate(name: string): CertificateFiles {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const files = { key: join(folder, 'key.pem'), certificate: join(folder, 'certificate.pem') };
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`],
      ...['-keyout', files.key, '-out', files.certificate],
    ],
    { stdio: 'ignore' },
  );
  return files;
}

/** Ends each connection with what it has to say, by the name its client asked for; its port. */
export async function aTlsServer(
  t: TestContext,
  files: CertificateFiles,
  say: (serverName: string) => string,
): Promise<number> {
  const options = { key: readFileSync(files.key), cert: readFileSync(files.certificate) };
  const server = tls.createServer(options, (socket) => {
    socket.end(say(String(socket.servername)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** What the server says to a TLS client; rejects when there is no TLS connection. */
export async function heardByTls(
  port: number,
  files: CertificateFiles,
  options: tls.ConnectionOptions,
): Promise<string> {
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    ca: readFileSync(files.certificate),
    checkServerIdentity: () => undefined,
    ...options,
  });
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  await within(once(socket, 'end'), 'the server said nothing');
  return text;
}
