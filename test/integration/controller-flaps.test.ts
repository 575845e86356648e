// A controller that flaps while a load runs: endpoints come and go, streams end, connections are reset,
// nonsense is sent. No request may fail, no removed endpoint may be dialled, and memory stays flat.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';

import * as grpc from '@grpc/grpc-js';

import { fromHostPort } from '../../src/api/net-values.js';
import { LinkerdProxy } from '../support/a-linkerd-proxy.js';
import { anApplication } from '../support/an-application.js';
import { start, until } from '../support/processes.js';
import { aPolicy } from '../support/proxy-messages.js';
import { type ScriptedCall } from '../support/scripted-controller.js';
import { seededBytes } from '../support/seeded-bytes.js';

const STEPS = 1000;
const SEED = 20_261_124;
/** Of a process whose collector decides when it gives memory back. */
const MEMORY_SLACK_BYTES = 48 * 1024 * 1024;

interface Replica {
  readonly port: number;
  /** Accepted connections. */
  dials: number;
}

async function aReplica(t: TestContext): Promise<Replica> {
  const { port, server } = await anApplication(t, (_request, response) => response.end('ok'));
  const replica: Replica = { port, dials: 0 };
  server.on('connection', () => {
    replica.dials += 1;
  });
  return replica;
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

test(
  'a thousand changes of a flapping controller cost no request and dial nobody who is gone',
  { timeout: 180_000 },
  async (t) => {
    const numbers = seededBytes(SEED, STEPS * 8);
    let drawn = 0;
    const below = (count: number): number => numbers.readUInt32LE(4 * drawn++) % count;
    const replicas = [await aReplica(t), await aReplica(t), await aReplica(t), await aReplica(t)];
    const address = ({ port }: Replica): { ip: string; port: number } => ({ ip: '127.0.0.1', port });
    /** The model: who may be dialled. */
    const present = new Set<Replica>(replicas.slice(0, 2));
    /** Dials that a replica had when the proxy let go of it. */
    const dialsAtRemoval = new Map<Replica, number>();

    const proxy = await LinkerdProxy.start(t, {
      env: {
        SLUICE_OUTBOUND_ORIGINAL_DST: '10.96.7.7:80',
        SLUICE_ALLOW_LOOPBACK: 'true',
        LINKERD2_PROXY_DESTINATION_PROFILE_NETWORKS: '',
        LINKERD2_PROXY_INBOUND_CONNECT_EXP_BACKOFF_MIN: '10ms',
        LINKERD2_PROXY_INBOUND_CONNECT_EXP_BACKOFF_MAX: '50ms',
      },
    });
    const { controller } = proxy;
    controller.on('Watch', (call) => {
      call.send(aPolicy());
    });
    let streams: ScriptedCall<'Get'>[] = [];
    /** Told with every endpoint: what the proxy shows it has heard tells that it has heard all before. */
    let version = 0;
    const add = (...some: readonly Replica[]): never =>
      ({
        update: {
          case: 'add',
          value: {
            addrs: some.map((one) => ({
              addr: fromHostPort(address(one)),
              weight: 10_000,
              metricLabels: { version: String(version) },
            })),
          },
        },
      }) as never;
    controller.on('Get', (call) => {
      streams.push(call);
      call.send(add(...present));
    });
    const open = (): readonly ScriptedCall<'Get'>[] =>
      (streams = streams.filter(({ cancelled }) => !cancelled));

    interface Shown {
      readonly address: { readonly port: number };
      readonly labels: Readonly<Record<string, string>>;
    }
    /** What the proxy has now, of the one balancer there is: versions by port. */
    const known = async (): Promise<ReadonlyMap<number, string | undefined>> => {
      const view = (await (await proxy.admin('/routes.json')).json()) as {
        targets: { kind: string; endpoints: Shown[] }[];
      };
      const shown = view.targets
        .filter(({ kind }) => kind === 'balance')
        .flatMap(({ endpoints }) => endpoints);
      return new Map(shown.map((one) => [one.address.port, one.labels['version']]));
    };
    const isUpToDate = async (): Promise<boolean> => {
      const ports = await known();
      const all = [...present];
      return (
        ports.size === present.size &&
        all.every(({ port }) => ports.has(port)) &&
        all.some(({ port }) => ports.get(port) === String(version))
      );
    };
    const load = start(t, [
      'wrk',
      '-t1',
      '-c8',
      '-d170s',
      '--timeout',
      '10s',
      `http://${await proxy.interface('Outbound')}/`,
    ]);
    await until('the load runs', () => replicas.some(({ dials }) => dials > 0));

    let memoryAtHalf = 0;
    for (let step = 0; step < STEPS; step += 1) {
      if (step === STEPS / 2) memoryAtHalf = await residentBytes(proxy.pid);
      const one = replicas[below(replicas.length)] ?? assert.fail();
      switch (below(10)) {
        case 0:
        case 1:
        case 2:
          if (present.has(one)) break;
          assert.equal(one.dials, dialsAtRemoval.get(one) ?? one.dials, 'a removed endpoint was dialled');
          present.add(one);
          for (const call of open()) call.send(add(one));
          break;
        case 3:
        case 4:
        case 5:
          if (!present.has(one) || present.size === 1) break;
          present.delete(one);
          version += 1;
          for (const call of open()) {
            call.send({
              update: { case: 'remove', value: { addrs: [fromHostPort(address(one))] } },
            } as never);
            call.send(add(...present));
          }
          await until('the proxy lets go of it', isUpToDate);
          // What was accepted before that has been told by now.
          await known();
          dialsAtRemoval.set(one, one.dials);
          break;
        case 6:
          for (const call of open()) call.end();
          streams = [];
          break;
        case 7:
          for (const call of open()) call.fail(grpc.status.UNAVAILABLE, 'a moment, please');
          streams = [];
          break;
        case 8:
          controller.resetConnections();
          break;
        case 9:
          if (step % 2 === 0) for (const call of open()) call.sendBytes(Buffer.from([0xff, 0xff, 0xff]));
          else controller.sendGarbage();
          break;
      }
    }
    version += 1;
    for (const call of open()) call.send(add(...present));
    await until('the proxy knows what the model knows', isUpToDate);
    for (const one of replicas) {
      if (!present.has(one))
        assert.equal(one.dials, dialsAtRemoval.get(one) ?? 0, 'a removed endpoint was dialled');
    }
    load.kill('SIGINT');
    const printed = (await load.ended()).stdout.toString();
    assert.doesNotMatch(printed, /Non-2xx|Socket errors/, `${printed}\n${proxy.stdout.slice(-4000)}`);
    assert.ok(Number(/(\d+) requests in/.exec(printed)?.[1]) > 1000, printed);
    const grown = (await residentBytes(proxy.pid)) - memoryAtHalf;
    assert.ok(grown < MEMORY_SLACK_BYTES, `${String(grown)} bytes more in the second half`);
  },
);
