// A port of loopback whose connections are neither accepted nor refused: its listener has no room
// left, so the kernel drops what comes.
import type { TestContext } from 'node:test';

import { aLineProcess } from './line-process.js';

const PROGRAM = `
import socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
address = listener.getsockname()
held = []
while True:
    client = socket.socket()
    client.settimeout(0.2)
    try:
        client.connect(address)
    except TimeoutError:
        break
    held.append(client)
print(address[1], flush=True)
sys.stdin.read()
`;

export async function aHungPort(t: TestContext): Promise<number> {
  return Number(await aLineProcess(t, '/usr/bin/python3', ['-c', PROGRAM]).answer());
}
