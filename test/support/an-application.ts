// A web application on a port of loopback, inside the test's own process; it is gone with the test.
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface Application {
  readonly port: number;
  readonly server: Server;
}

export async function anApplication(t: TestContext, listener: RequestListener): Promise<Application> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}
