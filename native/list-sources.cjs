// Prints the sources of the add-on, for binding.gyp: every .cc of its folders but the tests, and
// the generated messages. Usage: node list-sources.cjs  (from native/)
const { readdirSync } = require('node:fs');
const { join } = require('node:path');

const FOLDERS = [
  'base',
  'io',
  'http',
  'http1',
  'http2',
  'balance',
  'metrics',
  'authz',
  'route',
  'tls',
  'contract',
  'ebpf',
  'proxy',
  'addon',
];

for (const folder of FOLDERS) {
  for (const name of readdirSync(join(__dirname, folder)).sort()) {
    if (name.endsWith('.cc') && !name.endsWith('.test.cc')) console.log(`${folder}/${name}`);
  }
}
console.log('../build/gen/cc-lite/contract.pb.cc');
