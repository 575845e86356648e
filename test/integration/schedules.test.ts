// Random schedules of writes, pauses of reading, half-closes and resets on both sides of an opaque
// connection, against a model: each side gets exactly what the other one wrote, FIN only after its last
// byte, and a reset when the other one reset.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import fc from 'fast-check';

import { Protocol } from '../../src/dataplane/gen/contract_pb.js';
import { aLineProcess, type LineProcess } from '../support/line-process.js';
import { aProxy } from '../support/proxy-under-test.js';

const RUNS = 1_000;

type Step =
  | { readonly do: 'write'; readonly bytes: number }
  | { readonly do: 'stop reading'; readonly turns: number }
  | { readonly do: 'wait'; readonly turns: number };

interface Script {
  readonly steps: readonly Step[];
  /** Size of the socket's buffers; 0: the system's choice. */
  readonly buffers: 0 | 16384;
  readonly end: 'fin' | 'reset' | 'fin, then reset';
}

interface Schedule {
  /** Which of the proxy's ways to copy. */
  readonly copy: 'usual' | 'small budget' | 'splice at once';
  /** Bytes that the client sends before the endpoint is there. */
  readonly early: number;
  readonly client: Script;
  readonly server: Script;
}

const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 100 }) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 300_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(1, 4095, 4096, 16_384, 65_535, 65_536, 65_537, 262_144) },
);
// More than the kernel's buffers on the way hold, so that a pause of reading blocks the other side.
const bulk = fc.integer({ min: 6_000_000, max: 12_000_000 });
const turns = fc.integer({ min: 1, max: 60 });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: size.map((bytes): Step => ({ do: 'write', bytes })) },
  { weight: 5, arbitrary: turns.map((count): Step => ({ do: 'stop reading', turns: count })) },
  { weight: 4, arbitrary: turns.map((count): Step => ({ do: 'wait', turns: count })) },
);
const steps = fc.array(step, { maxLength: 10 });
const withBulk = fc
  .tuple(steps, bulk, steps)
  .map(([before, bytes, after]): Step[] => [...before, { do: 'write', bytes }, ...after]);

const script: fc.Arbitrary<Script> = fc.record({
  steps: fc.oneof({ weight: 30, arbitrary: steps }, { weight: 1, arbitrary: withBulk }),
  buffers: fc.constantFrom(0 as const, 16_384 as const),
  end: fc.oneof(
    { weight: 6, arbitrary: fc.constant('fin' as const) },
    { weight: 2, arbitrary: fc.constant('reset' as const) },
    { weight: 1, arbitrary: fc.constant('fin, then reset' as const) },
  ),
});

/** Megabytes through small buffers move at the speed of the kernel's timers. */
function isBulky({ client, server }: Schedule): boolean {
  return [...client.steps, ...server.steps].some((each) => each.do === 'write' && each.bytes > 300_000);
}

function roomy(one: Script): Script {
  return { ...one, buffers: 0 };
}

const schedule: fc.Arbitrary<Schedule> = fc
  .record({
    copy: fc.constantFrom('usual' as const, 'small budget' as const, 'splice at once' as const),
    early: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50_000 })),
    client: script,
    server: script,
  })
  .map((one) => (isBulky(one) ? { ...one, client: roomy(one.client), server: roomy(one.server) } : one));

interface SideReport {
  readonly sent: number;
  readonly received: number;
  readonly saw: 'fin' | 'reset' | null;
}

interface Report {
  readonly problem: string | null;
  readonly client: SideReport;
  readonly server: SideReport;
}

/** `self` against what it did and what the other side did. */
function judge(self: SideReport, other: SideReport, ownEnd: Script['end'], otherEnd: Script['end']): void {
  // Who resets gives up what is under way in both directions.
  if (ownEnd !== 'fin') return;
  if (otherEnd === 'reset') assert.equal(self.saw, 'reset');
  if (otherEnd !== 'fin') return;
  assert.equal(self.saw, 'fin');
  assert.equal(self.received, other.sent);
}

const PEERS = fileURLToPath(new URL('../../../test/support/schedule-peers.py', import.meta.url));

async function play(peers: LineProcess, port: number, one: Schedule): Promise<void> {
  peers.ask(JSON.stringify({ ...one, port }));
  const report = JSON.parse(await peers.answer()) as Report;
  assert.equal(report.problem, null, JSON.stringify(report));
  judge(report.client, report.server, one.client.end, one.server.end);
  judge(report.server, report.client, one.server.end, one.client.end);
}

test(`${RUNS} random schedules lose, double and move no byte`, async (t) => {
  const peers = aLineProcess(t, '/usr/bin/python3', [PEERS]);
  const servers = JSON.parse(await peers.answer()) as Readonly<Record<string, number>>;
  const total = { totalBudgetBytes: 1n << 30n };
  const proxies = {
    usual: aProxy(t),
    'small budget': aProxy(t, {
      buffers: { ...total, directionBudgetBytes: 4_096, spliceThresholdBytes: 0 },
    }),
    'splice at once': aProxy(t, {
      buffers: { ...total, directionBudgetBytes: 262_144, spliceThresholdBytes: 1 },
    }),
  };
  const ports = new Map<string, number>();
  for (const [copy, proxy] of Object.entries(proxies)) {
    for (const [size, to] of Object.entries(servers)) {
      ports.set(`${copy} ${size}`, proxy.route({ protocol: Protocol.OPAQUE, to: [to] }).port);
    }
  }
  await fc.assert(
    fc.asyncProperty(schedule, async (one) => {
      const port = ports.get(`${one.copy} ${one.server.buffers}`);
      assert.ok(port !== undefined);
      await play(peers, port, one);
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 120_000, markInterruptAsFailure: true },
  );
  for (const [copy, proxy] of Object.entries(proxies)) {
    await proxy.idle();
    assert.equal(proxy.inspect().bufferBytes, 0n, `${copy}: ended connections hold no memory`);
  }
});
