#!/usr/bin/env node
// Runs the test suites, each within a time limit and in a process group of its own, and counts what
// they report. What does not build, crashes, or reports no test counts as one failure.
// Called by scripts/test. Usage: node scripts/run-suites.mjs [SUITE…]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(ROOT);

const LOGS = 'build/test-logs';
const FUZZ_SECONDS = Number(process.env.FUZZ_SECONDS ?? 20);
const MINUTE = 60;
const TAIL_LINES = 120;
const KILL_GRACE_MS = 5_000;

// Nothing of the caller's shell may change what is tested.
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^SLUICE_/.test(name)),
);

const running = new Set();
function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    for (const child of running) killGroup(child, 'SIGKILL');
    process.exit(1);
  });
}

// Runs a command to its end or to its time limit; then its whole group is ended, and only that.
async function run(command, args, { log, limitSeconds, env = {} }) {
  const output = openSync(log, 'a');
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...ENVIRONMENT, ...env },
  });
  closeSync(output);
  running.add(child);
  let timedOut = false;
  let hardStop;
  const limit = setTimeout(() => {
    timedOut = true;
    killGroup(child, 'SIGTERM');
    hardStop = setTimeout(() => killGroup(child, 'SIGKILL'), KILL_GRACE_MS);
  }, limitSeconds * 1000);
  try {
    const [code, signal] = await once(child, 'exit');
    // What the command left running in its group ends with it.
    killGroup(child, 'SIGKILL');
    if (timedOut) return { ok: false, what: `took longer than ${limitSeconds} s` };
    if (signal !== null) return { ok: false, what: `ended by ${signal}` };
    return { ok: code === 0, what: `exit code ${code}` };
  } catch (error) {
    return { ok: false, what: `could not start: ${error.message}` };
  } finally {
    clearTimeout(limit);
    clearTimeout(hardStop);
    running.delete(child);
  }
}

const NOTHING = { passed: 0, failed: 0, skipped: [], problems: [] };
const failure = (problem) => ({ ...NOTHING, failed: 1, problems: [problem] });

// A suite that says "failed" somewhere other than in its counts must still fail, exactly once.
function settle(counts, result, what) {
  if (!result.ok && counts.failed === 0)
    return { ...counts, failed: 1, problems: [`${what}: ${result.what}`] };
  if (counts.passed + counts.failed + counts.skipped.length === 0) {
    return { ...counts, failed: 1, problems: [`${what}: reported no test`] };
  }
  return counts;
}

function testFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith('.test.js'))
    .sort();
}

// node:test over the compiled tests of one folder.
const nodeTests = (folder, { limitSeconds, env = {}, oneAtATime = false, needs = [] }) => ({
  needs: ['product', ...needs],
  async run(log) {
    const files = testFiles(`dist/test/${folder}`);
    if (files.length === 0) return failure(`no tests in test/${folder}`);
    const counted = `${log}.jsonl`;
    rmSync(counted, { force: true });
    const result = await run(
      process.execPath,
      [
        '--enable-source-maps',
        '--test',
        ...(oneAtATime ? ['--test-concurrency=1'] : []),
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        '--test-reporter=./test/support/count-reporter.mjs',
        `--test-reporter-destination=${counted}`,
        ...files,
      ],
      { log, limitSeconds, env },
    );
    const counts = { ...NOTHING, skipped: [], problems: [] };
    const lines = existsSync(counted) ? readFileSync(counted, 'utf8').split('\n') : [];
    for (const line of lines) {
      if (line === '') continue;
      const { outcome, name, file, reason } = JSON.parse(line);
      if (outcome === 'passed') counts.passed += 1;
      else if (outcome === 'failed') {
        counts.failed += 1;
        counts.problems.push(`${file}: ${name}`);
      } else counts.skipped.push(reason === undefined ? name : `${name} (${reason})`);
    }
    return settle(counts, result, `test/${folder}`);
  },
});

// A doctest executable; its summary line has the counts.
const doctest = (folder, { limitSeconds, wrap = [], env = {} }) => ({
  needs: [folder],
  async run(log) {
    const [command, ...args] = [...wrap, `build/${folder}/sluice_tests`, '--no-colors'];
    const result = await run(command, args, { log, limitSeconds, env });
    const text = readFileSync(log, 'utf8');
    const summary = [
      ...text.matchAll(/test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped/g),
    ].at(-1);
    const counts = { ...NOTHING, skipped: [], problems: [] };
    if (summary !== undefined) {
      counts.passed = Number(summary[2]);
      counts.failed = Number(summary[3]);
      for (const [, name] of text.matchAll(/^TEST CASE: +(.*)$/gm)) {
        if (counts.failed > 0 && !counts.problems.includes(name)) counts.problems.push(name);
      }
    }
    for (const [, reason] of text.matchAll(/MESSAGE: (skipped.*)$/gm)) counts.skipped.push(reason);
    return settle(counts, result, folder);
  },
});

// Commands that either pass or fail: one test each.
const commands = (list, { needs = [], limitSeconds }) => ({
  needs,
  async run(log) {
    const counts = { ...NOTHING, skipped: [], problems: [] };
    for (const [name, command, ...args] of list) {
      const result = await run(command, args, { log, limitSeconds });
      if (result.ok) counts.passed += 1;
      else {
        counts.failed += 1;
        counts.problems.push(`${name}: ${result.what}`);
      }
    }
    return counts;
  },
});

// Every libFuzzer target for FUZZ_SECONDS, as many at once as there are processors. Starts from the
// committed seeds and from what earlier runs found; crashes land in build/fuzz-artifacts.
const fuzz = () => ({
  needs: ['native-fuzz'],
  async run(log) {
    const targets = readdirSync('build/native-fuzz')
      .filter((name) => /^fuzz_[\w-]+$/.test(name))
      .map((name) => name.slice('fuzz_'.length))
      .sort();
    if (targets.length === 0) return failure('no fuzz targets were built');
    mkdirSync('build/fuzz-artifacts', { recursive: true });
    const counts = { ...NOTHING, skipped: [], problems: [] };
    const waiting = [...targets];
    const worker = async () => {
      for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
        const found = `build/fuzz-corpus/${target}`;
        const seeds = `native/fuzz/corpus/${target}`;
        mkdirSync(found, { recursive: true });
        if (existsSync(seeds)) cpSync(seeds, found, { recursive: true });
        const own = `${log}.${target}`;
        rmSync(own, { force: true });
        const result = await run(
          `build/native-fuzz/fuzz_${target}`,
          [
            `-max_total_time=${FUZZ_SECONDS}`,
            '-timeout=10',
            '-rss_limit_mb=1024',
            '-print_final_stats=1',
            `-artifact_prefix=build/fuzz-artifacts/${target}-`,
            found,
          ],
          { log: own, limitSeconds: FUZZ_SECONDS + 2 * MINUTE },
        );
        const executed = Number(/number_of_executed_units: *(\d+)/.exec(readFileSync(own, 'utf8'))?.[1] ?? 0);
        if (result.ok && executed > 0) counts.passed += 1;
        else {
          counts.failed += 1;
          counts.problems.push(`fuzz_${target}: ${result.what}, ${executed} inputs; see ${own}`);
        }
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    return counts;
  },
});

// ThreadSanitizer wants a plain address space; some containers forbid asking for one.
async function fixedAddresses() {
  const result = await run('setarch', ['-R', 'true'], { log: `${LOGS}/setarch.log`, limitSeconds: 10 });
  return result.ok ? ['setarch', '-R'] : [];
}

const BUILDS = {
  generated: { args: ['--no-product'], limitSeconds: 5 * MINUTE },
  product: { args: [], limitSeconds: 20 * MINUTE },
  'native-asan': { args: ['--no-product', '--native-tests'], limitSeconds: 40 * MINUTE },
  'native-fuzz': { args: ['--no-product', '--fuzz'], limitSeconds: 20 * MINUTE },
};
BUILDS['native-tsan'] = BUILDS['native-asan'];

const built = new Map();
function build(name) {
  const { args, limitSeconds } = BUILDS[name];
  const key = ['scripts/build', ...args].join(' ');
  if (!built.has(key)) {
    const log = `${LOGS}/build${args.join('')}.log`;
    rmSync(log, { force: true });
    built.set(
      key,
      run('scripts/build', args, { log, limitSeconds }).then((result) => ({ ...result, log, key })),
    );
  }
  return built.get(key);
}

const tail = (log) =>
  existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES) : [];
const printTail = (log) => {
  console.log(`--- last lines of ${log}`);
  for (const line of tail(log)) console.log(`    ${line}`);
};

const shown = new Set();
async function runSuite(name, suite) {
  const started = Date.now();
  const log = `${LOGS}/${name.replaceAll(/[^\w-]+/g, '-')}.log`;
  rmSync(log, { force: true });
  let counts;
  for (const need of suite.needs) {
    const result = await build(need);
    if (!result.ok) {
      // Several suites may wait for one build; what it said is shown once.
      if (!shown.has(result.log)) printTail(result.log);
      shown.add(result.log);
      counts = failure(`${result.key}: ${result.what}`);
    }
  }
  counts ??= await suite.run(log);
  const seconds = Math.round((Date.now() - started) / 1000);
  const row = { name, ...counts, seconds };
  console.log(
    `${counts.failed === 0 ? 'ok    ' : 'FAILED'} ${name}: ${counts.passed} passed, ${counts.failed} failed` +
      `${counts.skipped.length > 0 ? `, ${counts.skipped.length} skipped` : ''} (${seconds} s)`,
  );
  if (counts.failed > 0 && existsSync(log)) printTail(log);
  for (const problem of counts.problems) console.log(`       failed: ${problem}`);
  for (const reason of counts.skipped) console.log(`       skipped: ${reason}`);
  return row;
}

function printTable(rows) {
  const total = (field) => rows.reduce((sum, row) => sum + row[field], 0);
  const skipped = rows.reduce((sum, row) => sum + row.skipped.length, 0);
  const width = Math.max(...rows.map((row) => row.name.length), 'suite'.length);
  const line = (...cells) =>
    console.log(
      cells.map((cell, index) => (index === 0 ? cell.padEnd(width) : String(cell).padStart(8))).join(' '),
    );
  console.log('');
  line('suite', 'passed', 'failed', 'skipped', 'seconds');
  for (const row of rows) line(row.name, row.passed, row.failed, row.skipped.length, row.seconds);
  line('total', total('passed'), total('failed'), skipped, total('seconds'));
  console.log('');
  console.log(`${total('passed')} passed, ${total('failed')} failed`);
  return total('failed');
}

async function suites() {
  const aslr = await fixedAddresses();
  return {
    check: {
      check: commands(
        [
          ['format', 'scripts/format', '--check'],
          ['lint', 'npm', 'run', '--silent', 'lint'],
          ['layers', 'npm', 'run', '--silent', 'layers'],
          ['types', 'npm', 'run', '--silent', 'types'],
        ],
        { needs: ['generated'], limitSeconds: 5 * MINUTE },
      ),
    },
    unit: { unit: nodeTests('unit', { limitSeconds: 5 * MINUTE }) },
    native: {
      'native (ASan, UBSan)': doctest('native-asan', {
        limitSeconds: 15 * MINUTE,
        env: {
          ASAN_OPTIONS: 'abort_on_error=0:detect_stack_use_after_return=1',
          UBSAN_OPTIONS: 'print_stacktrace=1',
        },
      }),
      'native (TSan)': doctest('native-tsan', {
        limitSeconds: 15 * MINUTE,
        wrap: aslr,
        env: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' },
      }),
    },
    contract: { contract: nodeTests('contract', { limitSeconds: 5 * MINUTE, oneAtATime: true }) },
    integration: {
      'integration (epoll)': nodeTests('integration', {
        limitSeconds: 15 * MINUTE,
        oneAtATime: true,
        env: { SLUICE_POLLER: 'epoll' },
      }),
      'integration (libuv)': nodeTests('integration', {
        limitSeconds: 15 * MINUTE,
        oneAtATime: true,
        env: { SLUICE_POLLER: 'libuv' },
      }),
    },
    conformance: {
      'conformance (ASan, UBSan)': nodeTests('conformance', {
        limitSeconds: 15 * MINUTE,
        oneAtATime: true,
        needs: ['native-asan'],
        env: { ASAN_OPTIONS: 'abort_on_error=0', UBSAN_OPTIONS: 'print_stacktrace=1' },
      }),
    },
    privileged: { privileged: nodeTests('privileged', { limitSeconds: 5 * MINUTE, oneAtATime: true }) },
    fuzz: { fuzz: fuzz() },
  };
}

mkdirSync(LOGS, { recursive: true });
const all = await suites();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in all));
if (unknown.length > 0) {
  console.error(`unknown suite: ${unknown.join(', ')}; there are: ${Object.keys(all).join(', ')}`);
  process.exit(64);
}
const rows = [];
for (const name of wanted.length > 0 ? wanted : Object.keys(all)) {
  for (const [title, suite] of Object.entries(all[name])) rows.push(await runSuite(title, suite));
}
process.exitCode = printTable(rows) === 0 ? 0 : 1;
