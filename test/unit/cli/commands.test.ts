// What the commands answer and print.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { systemCommands } from '../../../src/cli/commands.js';
import { type Commands } from '../../../src/cli/program.js';
import { type HostPort } from '../../../src/core/ip.js';

function aTerminal(): { commands: Commands; said: { out: string; err: string } } {
  const said = { out: '', err: '' };
  const terminal = {
    out: (text: string) => void (said.out += text),
    err: (text: string) => void (said.err += text),
  };
  return { commands: systemCommands(terminal), said };
}

async function aFile(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'mesh.yaml');
  await writeFile(file, text);
  return file;
}

async function anAdmin(t: TestContext, body: string, asked: string[] = []): Promise<HostPort> {
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(body);
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { ip: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

test('mistakes of options and of the mesh file are said together, each with its place', async (t) => {
  const config = await aFile(t, 'services:\n  web: {}\nopaquePort: [25]\ntimeouts:\n  connect: soon\n');
  const { commands, said } = aTerminal();
  assert.equal(await commands.run({ config, workers: 'many' }, [], ['unknown option --frob']), 64);
  const lines = said.err.trimEnd().split('\n');
  for (const line of lines) assert.match(line, /^sluice run: /);
  assert.match(said.err, /unknown option --frob/);
  assert.match(said.err, /--workers: "many" is not a whole number/);
  assert.match(said.err, /the command to run is missing/);
  assert.match(said.err, /mesh\.yaml:3:1: opaquePort .*opaquePorts/);
  assert.match(said.err, /mesh\.yaml:5:\d+: timeouts\.connect /);
});

test('a mesh file that is not there is a mistake of its own', async () => {
  const { commands, said } = aTerminal();
  assert.equal(await commands.run({ config: '/nonexistent/mesh.yaml' }, ['true'], []), 64);
  assert.match(said.err, /^sluice run: \/nonexistent\/mesh\.yaml:1:1: cannot be read: .*\n$/);
});

test('metrics are printed as they come', async (t) => {
  const { commands, said } = aTerminal();
  assert.equal(await commands.metrics(await anAdmin(t, 'a 1\n')), 0);
  assert.deepEqual(said, { out: 'a 1\n', err: '' });
});

test('an admin server that is not sluice ends with 69', async (t) => {
  const { commands, said } = aTerminal();
  assert.equal(await commands.routes(await anAdmin(t, '<html>'), false), 69);
  assert.deepEqual(said, { out: '', err: 'sluice routes: the answer is not that of sluice\n' });
});

const NO_FAILURES = '{"failures":[],"matching":0,"remembered":0,"forgotten":0,"lost":0}\n';

test('why asks with its filters, and nothing found is no error', async (t) => {
  const { commands, said } = aTerminal();
  const asked: string[] = [];
  const admin = await anAdmin(t, NO_FAILURES, asked);
  assert.equal(await commands.why(admin, {}, false, []), 0);
  assert.equal(await commands.why(admin, { service: 'web:80', since: '5m' }, true, []), 0);
  assert.deepEqual(asked, ['/why.json', '/why.json?service=web%3A80&since=5m']);
  assert.deepEqual(said, { out: `Nothing has failed.\n${NO_FAILURES}`, err: '' });
});

test('why says everything wrong with its options before it asks', async () => {
  const { commands, said } = aTerminal();
  assert.equal(await commands.why(undefined, { since: 'x', limit: true }, false, ['--admin: bad']), 64);
  const lines = said.err.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(' ')[2]),
    ['--admin:', '--since:', '--limit', '`sluice'],
  );
});

test('why ends with 69 when no proxy is there', async (t) => {
  const { commands, said } = aTerminal();
  assert.equal(await commands.why(await anAdmin(t, '<html>'), {}, false, []), 69);
  assert.equal(said.err, 'sluice why: the answer is not that of sluice\n');
});

test('the doctor names a rung, and as JSON the facts it is based on', async () => {
  const text = aTerminal();
  assert.equal(await text.commands.doctor(false), 0);
  assert.match(text.said.out, /^rung [13]: /);
  const json = aTerminal();
  assert.equal(await json.commands.doctor(true), 0);
  const answer = JSON.parse(json.said.out) as { facts: { effective: unknown }; plan: { rung: number } };
  assert.ok(Array.isArray(answer.facts.effective));
  assert.ok([1, 3].includes(answer.plan.rung));
});
