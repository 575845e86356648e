// Which command line calls which command, and what a wrong one answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Commands, runCommandLine } from '../../../src/cli/program.js';

interface Outcome {
  code: number;
  out: string;
  err: string;
  calls: unknown[][];
}

async function sluice(...argv: string[]): Promise<Outcome> {
  const outcome: Outcome = { code: -1, out: '', err: '', calls: [] };
  const called =
    (name: string) =>
    (...args: unknown[]): Promise<number> => {
      outcome.calls.push([name, ...args]);
      return Promise.resolve(7);
    };
  const commands: Commands = {
    run: called('run'),
    proxy: called('proxy'),
    controller: called('controller'),
    doctor: called('doctor'),
    metrics: called('metrics'),
    routes: called('routes'),
    why: called('why'),
    version: called('version'),
  };
  const terminal = {
    out: (text: string) => void (outcome.out += text),
    err: (text: string) => void (outcome.err += text),
  };
  outcome.code = await runCommandLine(argv, commands, terminal);
  return outcome;
}

test('run gets its options and the command, and its code is the exit code', async () => {
  const { code, calls } = await sluice(
    'run',
    '--inbound',
    '80',
    '81',
    '--no-ebpf',
    '--',
    'sh',
    '-c',
    '--help',
  );
  assert.equal(code, 7);
  assert.deepEqual(calls, [['run', { inbound: ['80', '81'], ebpf: false }, ['sh', '-c', '--help'], []]]);
});

test('ports can also be given one option at a time', async () => {
  const { calls } = await sluice('run', '--inbound', '80', '-i', '81', '--', 'x');
  assert.deepEqual((calls[0]?.[1] as { inbound: string[] }).inbound, ['80', '81']);
});

test('an option without its value does not hide what follows', async () => {
  const { calls } = await sluice('run', '--config', '--workers', '3', '--', 'x');
  assert.deepEqual(calls[0]?.[1], { config: true, workers: '3', ebpf: true });
});

test('unknown options of run are handed on, to be said with all other mistakes', async () => {
  const { calls } = await sluice('run', '--wrkers', '3', '--poller', 'epoll', '--', 'x');
  assert.deepEqual(calls, [
    ['run', { ebpf: true, poller: 'epoll' }, ['x'], ['unknown option --wrkers; did you mean --workers?']],
  ]);
});

for (const [argv, call] of [
  [['proxy'], ['proxy', []]],
  [
    ['proxy', '--workers'],
    ['proxy', ['unknown option --workers']],
  ],
  [['doctor'], ['doctor', false]],
  [
    ['doctor', '--json'],
    ['doctor', true],
  ],
  [['metrics'], ['metrics', { ip: '127.0.0.1', port: 4191 }]],
  [
    ['routes', '--json', '--admin', '127.0.0.2:1'],
    ['routes', { ip: '127.0.0.2', port: 1 }, true],
  ],
  [
    ['why', '--reason', 'fail_fast', '--since', '5m', '--json'],
    ['why', { ip: '127.0.0.1', port: 4191 }, { reason: 'fail_fast', since: '5m' }, true, []],
  ],
  [
    ['why', '--limit', '--admin', 'x', '--jsn'],
    [
      'why',
      undefined,
      { limit: true },
      false,
      [
        'unknown option --jsn; did you mean --json?',
        '--admin: "x" is not address:port, such as 127.0.0.1:4191',
      ],
    ],
  ],
  [['--version'], ['version']],
  [['-V'], ['version']],
] as const) {
  test(`sluice ${argv.join(' ')}`, async () => {
    assert.deepEqual((await sluice(...argv)).calls, [[...call]]);
  });
}

for (const [argv, message] of [
  [['rum'], /unknown command "rum"; did you mean run\?/],
  [['--frob'], /unknown option --frob/],
  [['doctor', '--jsn'], /unknown option --jsn; did you mean --json\?/],
  [['metrics', '--admin'], /--admin needs a value/],
  [['routes', '--admin', 'x', 'stray'], /unexpected argument "stray"[^]*"x" is not address:port/],
  [[], /Usage: sluice/],
] as const) {
  test(`a wrong command line says why and ends with 64: sluice ${argv.join(' ')}`, async () => {
    const { code, err, calls } = await sluice(...argv);
    assert.equal(code, 64);
    assert.match(err, message);
    assert.deepEqual(calls, []);
  });
}

for (const argv of [['--help'], ['help'], ['run', '--help'], ['help', 'run']]) {
  test(`help goes to standard output and ends with 0: sluice ${argv.join(' ')}`, async () => {
    const { code, out, err } = await sluice(...argv);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, argv.includes('run') ? /--inbound PORT\.\.\. / : /doctor/);
  });
}
