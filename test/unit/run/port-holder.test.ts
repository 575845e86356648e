// Finding who listens on a port, in a /proc that the test writes and in the real one.
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';

import { findPortHolder, type ProcFiles, systemProcFiles } from '../../../src/run/port-holder.js';

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

function row(local: string, state: string, inode: number): string {
  return `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${String(inode)} 1 0 100 0\n`;
}

/** A /proc with texts, folders and links by path. */
function proc(
  texts: Readonly<Record<string, string>>,
  folders: Readonly<Record<string, readonly string[]>>,
  links: Readonly<Record<string, string>>,
): ProcFiles {
  const get = <T>(from: Readonly<Record<string, T>>, path: string): Promise<T> => {
    const found = from[path];
    return found === undefined ? Promise.reject(new Error(`EACCES ${path}`)) : Promise.resolve(found);
  };
  return {
    readText: (path) => get(texts, path),
    list: (path) => get(folders, path),
    readLink: (path) => get(links, path),
  };
}

const FOLDERS = { '/proc': ['1', 'self', '20', '30'], '/proc/20/fd': ['0', '5'], '/proc/30/fd': ['3'] };
const LINKS = {
  '/proc/20/fd/0': '/dev/null',
  '/proc/20/fd/5': 'socket:[111]',
  '/proc/30/fd/3': 'socket:[222]',
};
const NAMES = { '/proc/20/comm': 'nginx\n', '/proc/30/comm': 'other\n' };

test('the holder is found by the inode of the listening socket', async () => {
  // 0x1F90 is 8080.
  const tcp = HEADER + row('0100007F:1F90', '01', 222) + row('0100007F:1F90', '0A', 111);
  const files = proc({ ...NAMES, '/proc/net/tcp': tcp }, FOLDERS, LINKS);
  assert.deepEqual(await findPortHolder(8080, files), { pid: 20, command: 'nginx' });
});

test('IPv6 sockets count too', async () => {
  const tcp6 = HEADER + row('00000000000000000000000000000000:1F90', '0A', 222);
  const files = proc({ ...NAMES, '/proc/net/tcp6': tcp6 }, FOLDERS, LINKS);
  assert.deepEqual(await findPortHolder(8080, files), { pid: 30, command: 'other' });
});

test('a holder that this user may not see is no answer', async () => {
  const tcp = HEADER + row('0100007F:1F90', '0A', 999);
  assert.equal(await findPortHolder(8080, proc({ '/proc/net/tcp': tcp }, FOLDERS, LINKS)), undefined);
});

test('without /proc there is no answer', async () => {
  assert.equal(await findPortHolder(8080, proc({}, {}, {})), undefined);
});

test(
  'on this system a listener of this process is found',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const server = createServer();
    t.after(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    assert.equal((await findPortHolder(port, systemProcFiles))?.pid, process.pid);
  },
);
