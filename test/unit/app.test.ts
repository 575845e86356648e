// Whole runs in a world of fakes: order of starting, rungs, exit codes, and that nothing is left.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { test } from 'node:test';

import { type AppEffects, runApp } from '../../src/app.js';
import { defaultMeshConfig } from '../../src/config/defaults.js';
import { type MeshConfig } from '../../src/config/mesh-config.js';
import { CommandRefusedError } from '../../src/dataplane/dataplane.js';
import { AddonUnavailableError } from '../../src/dataplane/errors.js';
import {
  Direction,
  LogLevel,
  OriginalDestinationSource,
  Reason,
} from '../../src/dataplane/gen/contract_pb.js';
import { type CapabilityFacts } from '../../src/ebpf/capability-facts.js';
import { type RunOptions } from '../../src/run/run-options.js';
import { type RelayedSignal } from '../../src/run/signal-relay.js';
import { type FailureSelection } from '../../src/why/failure-trail.js';
import { FakeDataPlane } from '../support/fake-dataplane.js';
import { CAPABLE_HOST, FakeLauncher, type FakeWorkload, RIGHTLESS_HOST } from '../support/fake-workload.js';
import { ManualClock } from '../support/manual-clock.js';
import { until } from '../support/processes.js';
import { parsePrometheusText } from '../support/prometheus-text.js';
import { aRunOptions } from '../support/run-options.js';

/** One run in a world of fakes. */
class World {
  readonly dataPlane = new FakeDataPlane();
  readonly launcher = new FakeLauncher();
  readonly clock = new ManualClock();
  readonly signals = new Map<RelayedSignal, () => void>();
  log = '';
  openError: Error | undefined;
  opened = 0;
  crash: ((error: unknown) => void) | undefined;
  /** What happens while the host is probed. */
  meanwhile: () => void = () => undefined;
  readonly #facts: CapabilityFacts;
  readonly #lines = new Set<() => void>();

  constructor(facts: CapabilityFacts = CAPABLE_HOST) {
    this.#facts = facts;
    this.dataPlane.hooks = ['cgroup/connect4', 'sock_ops'];
  }

  effects(): AppEffects {
    const nothing = (): Promise<never> => Promise.reject(new Error('not in this world'));
    return {
      clock: this.clock,
      variables: () => ({ PATH: '/bin', HTTP_PROXY: 'http://old' }),
      prepareWorkload: this.launcher.prepare,
      procFiles: { readText: nothing, list: nothing, readLink: nothing },
      logOutput: () => ({
        write: (text) => {
          this.log += text;
          for (const wake of this.#lines) wake();
        },
        flush: () => undefined,
      }),
      probe: () => {
        this.meanwhile();
        return Promise.resolve(this.#facts);
      },
      openDataPlane: () => {
        this.opened++;
        if (this.openError !== undefined) throw this.openError;
        return { dataPlane: this.dataPlane, versions: { node: '20.0.0' } };
      },
      resolver: () => ({ resolve: nothing }),
      signals: (signal, listener) => {
        this.signals.set(signal, listener);
        return () => this.signals.delete(signal);
      },
      sharesTerminal: () => false,
      crashes: (listener) => {
        this.crash = listener;
        return () => (this.crash = undefined);
      },
      memoryBytes: () => 2 ** 30,
    };
  }

  run(options: Partial<RunOptions> = {}, config?: MeshConfig): Promise<number> {
    const file = config === undefined ? undefined : { file: '/nowhere/mesh.yaml', text: '', config };
    return runApp(aRunOptions(options), file, this.effects());
  }

  /** Resolves when the log has a line that matches. */
  async logged(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.log);
      if (found !== null) return found;
      await new Promise<void>((resolve) => this.#lines.add(resolve));
    }
  }

  /** The command, running. */
  async started(): Promise<FakeWorkload> {
    await this.logged(/ INFO sluice is ready /);
    const workload = this.launcher.workloads.at(-1);
    assert.ok(workload);
    await workload.started;
    return workload;
  }

  /** Ends the command and lets the data plane drain. */
  async end(workload: FakeWorkload, code = 0): Promise<void> {
    workload.end({ code });
    // The end of the command is seen in a later microtask.
    while (this.dataPlane.drainGraceMs === undefined) await new Promise((resolve) => setImmediate(resolve));
    this.dataPlane.emit({ case: 'drained', value: {} });
  }

  /** Nothing may be left, however the run ended. */
  assertClean(): void {
    assert.equal(this.dataPlane.capture, undefined, 'capture is detached');
    assert.ok(
      this.opened === 0 || this.openError !== undefined || this.dataPlane.closed,
      'the data plane is closed',
    );
    for (const workload of this.launcher.workloads)
      assert.equal(workload.cleanups, 1, 'the workload is cleaned up');
    assert.deepEqual([this.signals.size, this.crash, this.clock.waiting], [0, undefined, 0]);
  }
}

test('with eBPF: listeners, capture, then the command, and its code at the end', async () => {
  const world = new World();
  const ended = world.run({ inboundPorts: [8080] });
  const workload = await world.started();
  const listens = [...world.dataPlane.listeners.values()].map(({ listen }) => [
    listen.direction,
    listen.source,
  ]);
  assert.deepEqual(listens, [
    [Direction.OUTBOUND, OriginalDestinationSource.SOURCE_CAPTURE_MAP],
    [Direction.OUTBOUND, OriginalDestinationSource.SOURCE_CAPTURE_MAP],
    [Direction.INBOUND, OriginalDestinationSource.SOURCE_LOCAL_ADDRESS],
    [Direction.INBOUND, OriginalDestinationSource.SOURCE_LOCAL_ADDRESS],
  ]);
  const { capture } = world.dataPlane;
  assert.equal(capture?.cgroupPath, '/sys/fs/cgroup/me/sluice-1');
  assert.deepEqual([capture.inboundPorts, capture.inboundListenerIds], [[8080], [3, 4]]);
  const [line] = await world.logged(/INFO sluice is ready .*/);
  assert.match(line, /rung=1 hooks="cgroup\/connect4 sock_ops" listeners=".*inbound .*" admin=off/);
  assert.equal(world.launcher.options[0]?.environment['HTTP_PROXY'], 'http://old');
  await world.end(workload, 42);
  assert.equal(await ended, 42);
  const order = world.dataPlane.names().filter((name) => name === 'drain' || name === 'detachCapture');
  assert.deepEqual(order, ['drain', 'detachCapture']);
  world.assertClean();
});

test('a command ended by a signal is 128 and its number', async () => {
  const world = new World();
  const ended = world.run();
  const workload = await world.started();
  workload.end({ signal: 'SIGSEGV' });
  await world.end(workload);
  assert.equal(await ended, 139);
});

test('without rights: one warning, and the command is told of the HTTP proxy', async () => {
  const world = new World(RIGHTLESS_HOST);
  const ended = world.run();
  const workload = await world.started();
  assert.equal(world.log.match(/ WARN /g)?.length, 1);
  assert.match(world.log, /no capture by eBPF here.* why=".*CAP_BPF/);
  const [listener] = world.dataPlane.listeners.values();
  assert.equal(listener?.listen.source, OriginalDestinationSource.SOURCE_HTTP_PROXY);
  const url = `http://127.0.0.1:${String(listener.bound.port)}`;
  const { environment, cgroupParent } = world.launcher.options[0] ?? {};
  assert.deepEqual(
    [environment?.['HTTP_PROXY'], environment?.['http_proxy'], cgroupParent],
    [url, url, undefined],
  );
  await world.end(workload);
  assert.equal(await ended, 0);
  world.assertClean();
});

test('a rung that the user chose is no warning', async () => {
  const world = new World();
  const ended = world.run({ allowEbpf: false });
  await world.end(await world.started());
  assert.equal(await ended, 0);
  assert.doesNotMatch(world.log, / WARN /);
});

test('when the kernel refuses to attach, everything of rung 1 is undone and rung 3 taken', async () => {
  const world = new World();
  world.dataPlane.refuseNext('attachCapture', new CommandRefusedError('', 'load connect4: EPERM', 1));
  const ended = world.run();
  const workload = await world.started();
  assert.deepEqual(
    [...world.dataPlane.listeners.values()].map(({ listen }) => listen.source),
    [OriginalDestinationSource.SOURCE_HTTP_PROXY],
  );
  assert.match(world.log, / WARN no capture by eBPF here.*load connect4: EPERM/);
  assert.deepEqual(
    world.launcher.workloads.map(({ cgroupPath, cleanups }) => [cgroupPath, cleanups]),
    [
      ['/sys/fs/cgroup/me/sluice-1', 1],
      [undefined, 0],
    ],
  );
  await world.end(workload);
  assert.equal(await ended, 0);
  world.assertClean();
});

test('required eBPF that is not to be had ends with 69 before anything starts', async () => {
  const world = new World(RIGHTLESS_HOST);
  assert.equal(await world.run({ requireEbpf: true }), 69);
  assert.match(world.log, / ERROR eBPF is required/);
  assert.deepEqual([world.opened, world.launcher.options.length], [0, 0]);
  world.assertClean();
});

test('required eBPF that the kernel refuses ends with 69, and the command never ran', async () => {
  const world = new World();
  world.dataPlane.refuseNext('attachCapture', new CommandRefusedError('', 'EPERM', 1));
  assert.equal(await world.run({ requireEbpf: true }), 69);
  assert.equal(world.launcher.workloads[0]?.pid, undefined);
  world.assertClean();
});

test('a redirected port is listened on for rung 2', async () => {
  const world = new World();
  const ended = world.run({ redirectedPort: 4140 });
  const workload = await world.started();
  const [listener] = world.dataPlane.listeners.values();
  assert.deepEqual(
    [listener?.listen.source, listener?.bound.port],
    [OriginalDestinationSource.SOURCE_SOCKET_OPTION, 4140],
  );
  await world.end(workload);
  assert.equal(await ended, 0);
});

test('a busy port ends with 69 and names the address', async () => {
  const world = new World();
  world.dataPlane.refuseNext('listen', new CommandRefusedError('', 'EADDRINUSE', 98));
  assert.equal(await world.run({ redirectedPort: 4140 }), 69);
  assert.match(world.log, /cannot listen on 127\.0\.0\.1:4140: the address is in use/);
  world.assertClean();
});

test('a command that cannot be run ends with its code, and nothing is attached', async () => {
  const world = new World();
  world.launcher.failure = { kind: 'failed', exitCode: 127, message: 'frob: not found' };
  assert.equal(await world.run(), 127);
  assert.match(world.log, / ERROR frob: not found/);
  assert.ok(!world.dataPlane.names().includes('attachCapture'));
  world.assertClean();
});

test('a data plane that is not built ends with 69 and what to do', async () => {
  const world = new World();
  world.openError = new AddonUnavailableError('run scripts/build');
  assert.equal(await world.run(), 69);
  assert.match(world.log, /run scripts\/build/);
  world.assertClean();
});

test('a bug while starting ends with 70 and leaves nothing', async () => {
  const world = new World();
  world.dataPlane.refuseNext('listen', new CommandRefusedError('listen.id', 'is bad', 0));
  assert.equal(await world.run(), 70);
  world.assertClean();
});

test('signals go to the command; a second one ends it hard, without draining', async () => {
  const world = new World();
  const ended = world.run();
  const workload = await world.started();
  world.signals.get('SIGUSR1')?.();
  world.signals.get('SIGTERM')?.();
  world.signals.get('SIGTERM')?.();
  assert.deepEqual(workload.killed, ['SIGUSR1', 'SIGTERM', 'SIGKILL']);
  assert.equal(await ended, 137);
  assert.equal(world.dataPlane.drainGraceMs, undefined);
  world.assertClean();
});

test('a signal before the command runs ends the start', async () => {
  const world = new World();
  world.meanwhile = () => world.signals.get('SIGTERM')?.();
  assert.equal(await world.run(), 143);
  assert.equal(world.launcher.workloads[0]?.pid, undefined);
  world.assertClean();
});

test('an error that nobody handled detaches capture at once and ends the command', async () => {
  const world = new World();
  const ended = world.run();
  const workload = await world.started();
  world.crash?.(new Error('a bug'));
  assert.equal(world.dataPlane.capture, undefined);
  await world.logged(/a bug/);
  while (workload.killed.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(workload.killed, ['SIGTERM']);
  world.clock.advance(5000);
  assert.deepEqual(workload.killed, ['SIGTERM', 'SIGKILL']);
  assert.equal(await ended, 70);
  world.assertClean();
});

/** Runs with an admin server at a port of the kernel's choice. */
async function withAdmin(
  world: World,
  config?: MeshConfig,
): Promise<{ base: string; ended: Promise<number> }> {
  const ended = world.run({ admin: { ip: '127.0.0.1', port: 0 } }, config);
  await world.started();
  const [, address = ''] = await world.logged(/ admin=(\S+)/);
  return { base: `http://${address}`, ended };
}

test('the admin server shows metrics and routes, and changes the level of both halves', async () => {
  const world = new World();
  const { base, ended } = await withAdmin(world);
  assert.equal(await (await fetch(`${base}/ready`)).text(), 'ready\n');
  const metrics = parsePrometheusText(await (await fetch(`${base}/metrics`)).text());
  assert.equal(metrics.get('proxy_build_info')?.samples[0]?.labels['node'], '20.0.0');
  const routes = (await (await fetch(`${base}/routes.json`)).json()) as {
    capture: { rung: number; hooks: string[] };
  };
  assert.deepEqual([routes.capture.rung, routes.capture.hooks], [1, ['cgroup/connect4', 'sock_ops']]);
  assert.equal((await fetch(`${base}/proxy-log-level`, { method: 'PUT', body: 'error' })).status, 204);
  assert.equal(world.dataPlane.logLevel, LogLevel.LOG_ERROR);
  const bad = await fetch(`${base}/proxy-log-level`, { method: 'PUT', body: 'chatty' });
  assert.deepEqual(
    [bad.status, await bad.text()],
    [400, 'the level must be one of trace, debug, info, warn, error, off'],
  );
  const leaves = new AbortController();
  const followed = await fetch(`${base}/logs.json?linkerd=debug`, { signal: leaves.signal });
  assert.equal(followed.status, 200);
  assert.equal(world.dataPlane.logLevel, LogLevel.LOG_DEBUG);
  leaves.abort();
  await until('the level is that of the log again', () => world.dataPlane.logLevel === LogLevel.LOG_ERROR);
  const [workload] = world.launcher.workloads;
  assert.ok(workload);
  await world.end(workload);
  assert.equal(await ended, 0);
  world.assertClean();
});

test('the admin server tells why something failed', async () => {
  const world = new World();
  const { base, ended } = await withAdmin(world);
  const originalDestination = { ip: Uint8Array.of(10, 0, 0, 1), port: 80 };
  const value = { reason: Reason.NO_ROUTE, direction: Direction.OUTBOUND, originalDestination };
  world.dataPlane.emit({ case: 'failure', value });
  const answer = (await (await fetch(`${base}/why.json?destination=10.0.0.1`)).json()) as FailureSelection;
  assert.deepEqual(
    answer.failures.map(({ reason, destination }) => [reason, destination]),
    [['no_route', '10.0.0.1:80']],
  );
  const [workload] = world.launcher.workloads;
  assert.ok(workload);
  await world.end(workload);
  assert.equal(await ended, 0);
  world.assertClean();
});

test('shutting down by the admin server is a SIGTERM to the command, where it is allowed', async () => {
  const world = new World();
  const { base, ended } = await withAdmin(world, {
    ...defaultMeshConfig,
    admin: { address: undefined, shutdown: true },
  });
  assert.equal(await (await fetch(`${base}/shutdown`, { method: 'POST' })).text(), 'shutdown\n');
  const [workload] = world.launcher.workloads;
  assert.ok(workload);
  assert.deepEqual(workload.killed, ['SIGTERM']);
  await world.end(workload);
  assert.equal(await ended, 0);
  world.assertClean();
});

test('an admin address that is taken ends with 69 when it was asked for', async (t) => {
  const holder = createServer();
  t.after(() => holder.close());
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  const world = new World();
  assert.equal(await world.run({ admin: { ip: '127.0.0.1', port } }), 69);
  assert.match(
    world.log,
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${String(port)}: the address is in use`),
  );
  world.assertClean();
});
