// HTTP servers written in C and Go, with configurations of our own that answer 200 to everything and log
// `METHOD TARGET`. One process each, in the foreground, on loopback.
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { startRecipe } from './counting-server.js';

function write(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

export const nginx = startRecipe({
  name: 'nginx',
  prepare: (folder, port, log) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((each) => `${each}_temp_path ${folder}/${each};`)
      .join(' ');
    const configuration = write(
      folder,
      'nginx.conf',
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
       events { worker_connections 512; }
       http {
         ${temporary}
         log_format requests '$request_method $request_uri';
         access_log ${log} requests;
         server { listen 127.0.0.1:${port}; location / { return 200 ok; } }
       }`,
    );
    return ['nginx', '-c', configuration, '-e', join(folder, 'error.log')];
  },
});

export const haproxy = startRecipe({
  name: 'HAProxy',
  prepare: (folder, port) => {
    const configuration = write(
      folder,
      'haproxy.cfg',
      `global
  log stdout format raw local0
defaults
  mode http
  timeout client 20s
  timeout http-request 20s
  option dontlognull
frontend web
  bind 127.0.0.1:${port}
  log global
  log-format "%HM %HU"
  option http-buffer-request
  http-request return status 200 content-type text/plain string ok
`,
    );
    return ['haproxy', '-db', '-f', configuration];
  },
});

// A handler in Lua, as apache's files take no POST.
export const apache = startRecipe({
  name: 'Apache',
  prepare: (folder, port, log) => {
    const modules = ['mpm_event', 'authz_core', 'lua']
      .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
      .join('\n');
    write(
      folder,
      'ok.lua',
      'function handle(r)\n  r:requestbody()\n  r:write("ok")\n  return apache2.OK\nend\n',
    );
    const configuration = write(
      folder,
      'apache.conf',
      `${modules}
ServerRoot ${folder}
ServerName web
DocumentRoot ${folder}
PidFile ${folder}/pid
Mutex file:${folder}
Listen 127.0.0.1:${port}
ErrorLog ${folder}/error.log
LogFormat "%r" requests
CustomLog ${log} requests
KeepAliveTimeout 60
MaxKeepAliveRequests 0
LuaMapHandler .* ${folder}/ok.lua
<Directory ${folder}>
  Require all granted
</Directory>
`,
    );
    return ['apache2', '-X', '-f', configuration];
  },
  read: (line) => line.replace(/ HTTP\/1\.[01]$/, ''),
});

export const lighttpd = startRecipe({
  name: 'lighttpd',
  prepare: (folder, port, log) => {
    write(folder, 'ok', 'ok');
    const configuration = write(
      folder,
      'lighttpd.conf',
      `server.modules = ("mod_rewrite", "mod_accesslog")
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${folder}"
server.errorlog = "${folder}/error.log"
server.upload-dirs = ("${folder}")
server.http-parseopts = ("method-get-body" => "enable")
server.max-keep-alive-requests = 10000
server.max-keep-alive-idle = 60
accesslog.filename = "${log}"
accesslog.format = "%r"
url.rewrite-once = (".*" => "/ok")
`,
    );
    return ['lighttpd', '-D', '-f', configuration];
  },
  read: (line) => line.replace(/ HTTP\/1\.[01]$/, ''),
  // It wants a length with every POST, and Host as absolute-form has it, to the letter.
  answers: [200, 400, 411],
  // Its log is buffered.
  completeAfter: 'SIGTERM',
});

export const h2o = startRecipe({
  name: 'h2o',
  prepare: (folder, port, log) => {
    const configuration = write(
      folder,
      'h2o.conf',
      `listen: { host: 127.0.0.1, port: ${port} }
num-threads: 1
user: ${userInfo().username}
pid-file: ${folder}/pid
error-log: ${folder}/error.log
http1-request-timeout: 20
access-log: { path: ${log}, format: "%r" }
hosts:
  default:
    paths:
      /:
        mruby.handler: |
          Proc.new { |env| [200, {"content-length" => "2"}, ["ok"]] }
`,
    );
    return ['h2o', '-m', 'worker', '-c', configuration];
  },
  read: (line) => line.replace(/ HTTP\/1\.[01]$/, ''),
});

export const caddy = startRecipe({
  name: 'Caddy',
  prepare: (folder, port, log) => {
    const configuration = write(
      folder,
      'Caddyfile',
      `{
  admin off
  auto_https off
  storage file_system ${folder}/storage
  log {
    output file ${folder}/caddy.log
  }
}
http://:${port} {
  bind 127.0.0.1
  log {
    output file ${log}
    format json
  }
  respond "ok" 200
}
`,
    );
    return ['env', `HOME=${folder}`, 'caddy', 'run', '--adapter', 'caddyfile', '--config', configuration];
  },
  read: (line) => {
    const { request } = JSON.parse(line) as { request: { method: string; uri: string } };
    return `${request.method} ${request.uri}`;
  },
});
