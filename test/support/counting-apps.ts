// HTTP servers of node and Python, with an application that reads the body, answers 200 and logs
// `METHOD TARGET`. Python's write each line by one write, in the order in which they answer.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { startRecipe, type StartServer } from './counting-server.js';

export const node: StartServer = async (t) => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
    request.resume();
    request.on('end', () => response.end('ok'));
  });
  // What node refuses counts as seen too: the proxy must not have let it pass.
  server.on('clientError', (error, socket) => {
    if ('rawPacket' in error) seen.push(`refused ${error.message}`);
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { name: 'node', port: (server.address() as AddressInfo).port, seen: () => Promise.resolve(seen) };
};

const HEAD = `
import os, sys
LOG = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
PORT = int(sys.argv[1])

def log(method, target):
    os.write(LOG, f"{method} {target}\\n".encode("latin-1", "replace"))
`;

function pythonProgram(
  name: string,
  program: string,
  faults: Readonly<Record<string, string>> = {},
): StartServer {
  return startRecipe({
    name,
    faults,
    prepare: (folder, port, log) => {
      const file = join(folder, 'server.py');
      writeFileSync(file, HEAD + program);
      return ['/usr/bin/python3', file, String(port), log];
    },
  });
}

// http.server itself ignores bodies: reading them is left to handlers.
export const pythonHttpServer = pythonProgram(
  'http.server',
  `
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        log(self.command, self.path)
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = do_PUT = do_OPTIONS = do_DELETE = answer

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
`,
);

const WSGI = `
def application(environ, start_response):
    log(environ["REQUEST_METHOD"], environ.get("RAW_URI") or environ["PATH_INFO"])
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
`;

export const gunicorn = pythonProgram(
  'gunicorn',
  `${WSGI}
from gunicorn.app.base import BaseApplication

class Server(BaseApplication):
    def load_config(self):
        options = {"bind": f"127.0.0.1:{PORT}", "worker_class": "gthread", "threads": 8, "keepalive": 60, "graceful_timeout": 1,
                   "worker_tmp_dir": os.path.dirname(sys.argv[2])}
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self):
        return application

Server().run()
`,
);

export const waitress = pythonProgram(
  'waitress',
  `${WSGI}
import waitress

waitress.serve(application, host="127.0.0.1", port=PORT, threads=2, _quiet=True)
`,
  { 'an expectation without a body': 'it answers 100 and nothing else' },
);

export const aiohttp = pythonProgram(
  'aiohttp',
  `
from aiohttp import web

async def answer(request):
    log(request.method, request.raw_path)
    await request.read()
    return web.Response(text="ok")

app = web.Application()
app.router.add_route("*", "/{rest:.*}", answer)
web.run_app(app, host="127.0.0.1", port=PORT, print=None, access_log=None)
`,
  { 'an upgrade with chunks': 'it takes the chunks for the new protocol, and closes' },
);
