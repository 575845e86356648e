#!/usr/bin/env node
// Checks what compilers do not: who may include whom in native/, one vendor header per folder,
// sizes and opening comments of source files, no TODO(now). Prints every finding as file:line.
// Usage: scripts/check-layers.mjs [ROOT]       exit 1 when there are findings
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));

// A folder of native/ and the folders it may include. '*': everything.
const MAY_INCLUDE = {
  base: [],
  io: ['base'],
  http: ['base'],
  http1: ['base', 'http'],
  http2: ['base', 'io', 'http'],
  metrics: ['base'],
  balance: ['base', 'io'],
  ebpf: ['base'],
  tls: ['base'],
  authz: ['base'],
  route: ['base', 'http', 'authz'],
  contract: ['base', 'io', 'http1', 'metrics', 'balance', 'ebpf', 'authz', 'route'],
  proxy: [
    'base',
    'io',
    'http',
    'http1',
    'http2',
    'metrics',
    'balance',
    'ebpf',
    'authz',
    'route',
    'tls',
    'contract',
  ],
  fuzz: ['base', 'io', 'http', 'http1', 'http2', 'tls', 'authz', 'route', 'contract'],
  addon: '*',
  bench: '*',
};

// Headers that stay behind one folder.
const VENDOR_HEADERS = [
  { header: /^(node_api|napi|node|v8)(\.h|-inl\.h)$/, folders: ['addon'] },
  { header: /^bpf\/|\.skel\.h$|^linux\/bpf\.h$/, folders: ['ebpf'] },
  { header: /^mesh_\w+\.h$/, folders: ['ebpf'] },
  { header: /^(uv\.h|uv\/.*|sys\/epoll\.h|sys\/eventfd\.h)$/, folders: ['io'] },
  { header: /^google\/protobuf\/|\.pb\.h$/, folders: ['contract', 'bench'] },
  { header: /^openssl\//, folders: ['tls'] },
  { header: /^nghttp2\//, folders: ['http2'] },
  { header: /^re2\//, folders: ['route'] },
];

// Tests are clients of everything and may use the descriptors they need to provoke events.
const TEST_ONLY = /\.test\.cc$/;
const MAX_LINES = 700;
// One description of the whole border, mostly comments: it is read as a reference.
const MAX_PROTO_LINES = 1000;
const GENERATED = /(^|\/)(gen|node_modules|dist|build|prebuilds|corpus)\//;

const findings = [];
const report = (file, line, message) => findings.push(`${relative(ROOT, file)}:${line}: ${message}`);

function* filesUnder(folder, extensions) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (GENERATED.test(`${relative(ROOT, path)}/`)) continue;
    if (entry.isDirectory()) yield* filesUnder(path, extensions);
    else if (extensions.test(entry.name)) yield path;
  }
}

function checkIncludes(file, lines) {
  const folder = relative(join(ROOT, 'native'), file).split('/')[0];
  const allowed = MAY_INCLUDE[folder];
  if (allowed === undefined) {
    report(file, 1, `folder native/${folder} has no row in scripts/check-layers.mjs`);
    return;
  }
  lines.forEach((text, index) => {
    const header = /^\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(text)?.[1];
    if (header === undefined) return;
    for (const { header: pattern, folders } of VENDOR_HEADERS) {
      if (!pattern.test(header) || folders.includes(folder) || TEST_ONLY.test(file)) continue;
      report(file, index + 1, `<${header}> belongs to native/{${folders.join(',')}} only`);
    }
    const target = header.split('/')[0];
    if (!header.includes('/') || !(target in MAY_INCLUDE) || target === folder || allowed === '*') return;
    if (!allowed.includes(target)) {
      report(file, index + 1, `native/${folder} must not include native/${target} (${header})`);
    }
  });
}

// Linux-only code is guarded in io/ and ebpf/ alone.
function checkPlatformGuards(file, lines) {
  const folder = relative(join(ROOT, 'native'), file).split('/')[0];
  if (['io', 'ebpf'].includes(folder) || TEST_ONLY.test(file)) return;
  lines.forEach((text, index) => {
    if (/^\s*#\s*(el)?if.*__linux__/.test(text)) {
      report(file, index + 1, '#ifdef __linux__ belongs to native/io and native/ebpf');
    }
  });
}

function checkEveryFile(file, lines) {
  const length = lines.length - (lines.at(-1) === '' ? 1 : 0);
  const limit = file.endsWith('.proto') ? MAX_PROTO_LINES : MAX_LINES;
  if (length > limit) report(file, length, `${length} lines; the limit is ${limit}`);
  const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0];
  const opener = /\.(mjs|js|cjs|ts|cc|cpp|h|c|proto)$/.test(file) ? /^(\/\/|\/\*)/ : /^#/;
  if (!opener.test(first ?? '')) report(file, 1, 'opens without a comment that says what it is for');
  lines.forEach((text, index) => {
    if (/TODO\(now\)|FIXME|XXX:/.test(text)) report(file, index + 1, 'unfinished work: TODO(now)');
  });
}

const read = (file) => readFileSync(file, 'utf8').split('\n');

for (const file of filesUnder(join(ROOT, 'native'), /\.(h|cc|cpp)$/)) {
  const lines = read(file);
  checkEveryFile(file, lines);
  checkIncludes(file, lines);
  checkPlatformGuards(file, lines);
}
for (const file of filesUnder(join(ROOT, 'bpf'), /\.(h|c)$/)) {
  const lines = read(file);
  checkEveryFile(file, lines);
  lines.forEach((text, index) => {
    const header = /^\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(text)?.[1];
    if (header !== undefined && !/^(mesh_\w+\.h|linux\/.*|bpf\/.*|asm\/.*|vmlinux\.h)$/.test(header)) {
      report(file, index + 1, `bpf/ includes nothing from user space (${header})`);
    }
  });
}
for (const folder of ['src', 'test']) {
  for (const file of filesUnder(join(ROOT, folder), /\.(ts|mjs|c|py|proto)$/))
    checkEveryFile(file, read(file));
}
for (const entry of readdirSync(join(ROOT, 'scripts'))) {
  const file = join(ROOT, 'scripts', entry);
  if (!statSync(file).isFile()) continue;
  const lines = read(file);
  // This file names the markers it looks for.
  if (basename(file) === 'check-layers.mjs') continue;
  checkEveryFile(file, lines);
}

for (const finding of findings) console.error(finding);
console.log(`layers: ${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;
