// Streams tell changes only, at the pace of their clients, and cost what differs, not what is asked.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fromBinary, toJson } from '@bufbuild/protobuf';

import { UpdateSchema } from '../../../src/api/gen/destination_pb.js';
import { OutboundPolicySchema } from '../../../src/api/gen/outbound_pb.js';
import { type Refusal, StatusCode } from '../../../src/controller/answer.js';
import {
  type AnswerSink,
  AnswerStream,
  EndpointsTeller,
  StateTeller,
} from '../../../src/controller/answer-stream.js';
import { anEndpoint } from '../../support/mesh-configs.js';
import { anOpenMesh, type OpenMesh } from '../../support/mesh-questions.js';

/** A client that takes a message when the test says so. */
class SlowClient implements AnswerSink {
  readonly written: Buffer[] = [];
  ended: Refusal | undefined;
  #done: (() => void) | undefined;

  write(bytes: Buffer, done: () => void): void {
    assert.equal(this.#done, undefined, 'a second message is under way');
    this.written.push(bytes);
    this.#done = done;
  }

  end(refusal: Refusal): void {
    assert.equal(this.ended, undefined);
    this.ended = refusal;
  }

  /** Takes what is under way; whatever follows waits again. */
  take(): void {
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  /** Takes messages until there are no more; answers how many there were. */
  takeAll(): number {
    const before = this.written.length;
    while (this.#done !== undefined) this.take();
    return this.written.length - before;
  }

  get updates(): unknown[] {
    return this.written.map((bytes) => toJson(UpdateSchema, fromBinary(UpdateSchema, bytes)));
  }
}

function web(...endpoints: readonly string[]): string {
  return `services: { web: { addresses: [10.96.0.1], ports: [80], endpoints: ${JSON.stringify(endpoints)} } }`;
}

function endpointsOf(mesh: OpenMesh, path = 'web:80'): { client: SlowClient; stream: AnswerStream<unknown> } {
  const client = new SlowClient();
  return { client, stream: new AnswerStream(mesh.answers.endpoints(path), new EndpointsTeller(), client) };
}

function policyOf(mesh: OpenMesh): SlowClient {
  const client = new SlowClient();
  const shared = mesh.answers.outboundPolicy({ kind: 'authority', authority: 'web:80' });
  new AnswerStream(shared, new StateTeller(), client);
  return client;
}

/** Addresses by the ports of which the client knows now. */
function known(client: SlowClient): number[] {
  const ports = new Set<number>();
  for (const { update } of client.written.map((bytes) => fromBinary(UpdateSchema, bytes))) {
    if (update.case === 'add') for (const { addr } of update.value.addrs) ports.add(addr?.port ?? 0);
    if (update.case === 'remove') for (const { port } of update.value.addrs) ports.delete(port);
    if (update.case === 'noEndpoints') ports.clear();
  }
  return [...ports].sort((one, other) => one - other);
}

test('an answer comes at once, and an edit of something else tells nothing', () => {
  const mesh = anOpenMesh(web('10.0.0.1:1'));
  const { client } = endpointsOf(mesh);
  const policy = policyOf(mesh);
  client.take();
  policy.take();
  mesh.edit(`${web('10.0.0.1:1')}\nadmin: { shutdown: true }`);
  mesh.edit(`${web('10.0.0.1:1').slice(0, -1)}, api: { ports: [80], endpoints: [] } }`);
  assert.equal(client.written.length, 1);
  assert.equal(policy.written.length, 1);
});

test('endpoints are no part of a policy', () => {
  const mesh = anOpenMesh(web('10.0.0.1:1'));
  const policy = policyOf(mesh);
  policy.take();
  mesh.edit(web('10.0.0.2:2'));
  assert.equal(policy.written.length, 1);
  mesh.edit(`${web()}\ntimeouts: { detect: 3s }`);
  const [, second] = policy.written;
  assert.ok(second !== undefined);
  const { protocol } = fromBinary(OutboundPolicySchema, second);
  assert.ok(protocol?.kind.case === 'detect');
  assert.equal(protocol.kind.value.timeout?.seconds, 3n);
});

test('a thousand edits that a slow client does not read become one difference', () => {
  const mesh = anOpenMesh(web('10.0.0.1:1', '10.0.0.1:2'));
  const { client } = endpointsOf(mesh);
  for (let port = 3; port < 1003; port++) mesh.edit(web('10.0.0.1:1', `10.0.0.1:${String(port)}`));
  assert.equal(client.written.length, 1);
  // One that adds the last, one that removes the first: what came between was never told.
  assert.equal(client.takeAll(), 2);
  assert.deepEqual(known(client), [1, 1002]);
});

test('a thousand policies that a slow client does not read become the latest one', () => {
  const mesh = anOpenMesh(web());
  const client = policyOf(mesh);
  for (let second = 1; second <= 1000; second++) {
    mesh.edit(`${web()}\ntimeouts: { detect: ${String(second)}s }`);
  }
  assert.equal(client.takeAll(), 1);
  const last = fromBinary(OutboundPolicySchema, client.written[1] ?? Buffer.alloc(0));
  assert.ok(last.protocol?.kind.case === 'detect');
  assert.equal(last.protocol.kind.value.timeout?.seconds, 1000n);
});

test('what is back as it was before a slow client read is not told', () => {
  const mesh = anOpenMesh(web('10.0.0.1:1'));
  const { client } = endpointsOf(mesh);
  const policy = policyOf(mesh);
  mesh.edit(`${web()}\ntimeouts: { detect: 3s }`);
  mesh.edit(web('10.0.0.1:1'));
  assert.equal(client.takeAll(), 0);
  assert.equal(policy.takeAll(), 0);
});

test('whatever the order of edits and reads, a client ends up with the present endpoints', () => {
  const mesh = anOpenMesh(web());
  const { client } = endpointsOf(mesh);
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  let present: number[] = [];
  for (let step = 0; step < 2000; step++) {
    if (random(3) === 0) {
      client.take();
    } else {
      present = Array.from({ length: 8 }, (_, index) => index + 1).filter(() => random(2) === 0);
      mesh.edit(web(...present.map((port) => `10.0.0.1:${String(port)}`)));
    }
  }
  client.takeAll();
  assert.deepEqual(known(client), present);
});

test('a service that is not there refuses, one that goes is told empty and comes back', () => {
  const mesh = anOpenMesh(web('10.0.0.1:1'));
  const { client: nobody } = endpointsOf(mesh, 'nobody:80');
  assert.equal(nobody.ended?.code, StatusCode.NOT_FOUND);
  const { client } = endpointsOf(mesh);
  mesh.edit('{}');
  client.takeAll();
  mesh.edit(web('10.0.0.1:5'));
  client.takeAll();
  assert.deepEqual(client.updates.slice(1, 2), [{ noEndpoints: {} }]);
  assert.deepEqual(known(client), [5]);
  assert.equal(client.ended, undefined);
});

test('the policy of a service that goes ends its stream', () => {
  const mesh = anOpenMesh(web());
  const client = policyOf(mesh);
  client.take();
  mesh.edit('{}');
  assert.equal(client.ended?.code, StatusCode.NOT_FOUND);
  assert.equal(mesh.answers.open, 0);
});

test('endpoints that are being looked up are told once they are known', () => {
  const text = 'services: { web: { ports: [80], dns: { name: web.example } } }';
  const mesh = anOpenMesh(text);
  const { client } = endpointsOf(mesh);
  assert.equal(client.written.length, 0);
  mesh.edit(text, new Map([['web', [anEndpoint('10.0.0.1:80')]]]));
  assert.deepEqual(known(client), [80]);
});

test('streams that ask the same share one question and its bytes; the last one to go takes it along', () => {
  const mesh = anOpenMesh(web('10.0.0.1:1'));
  const open = Array.from({ length: 1000 }, () => endpointsOf(mesh));
  assert.equal(mesh.answers.open, 1);
  mesh.edit(web('10.0.0.1:2'));
  for (const { client } of open) client.takeAll();
  const [first] = open;
  for (const { client } of open) {
    assert.deepEqual(known(client), [2]);
    assert.ok(client.written.every((bytes, index) => bytes === first?.client.written[index]));
  }
  for (const { stream } of open) stream.cancel();
  assert.equal(mesh.answers.open, 0);
});

test('after a client has gone nothing is written to it', () => {
  const mesh = anOpenMesh(web('10.0.0.1:1'));
  const { client, stream } = endpointsOf(mesh);
  stream.cancel();
  mesh.edit(web('10.0.0.1:2'));
  assert.equal(client.takeAll(), 0);
  stream.end('too late');
  assert.equal(client.ended, undefined);
});

test('at the end of the controller streams say that they are unavailable', () => {
  const { client, stream } = endpointsOf(anOpenMesh(web()));
  stream.end('ending');
  assert.equal(client.ended?.code, StatusCode.UNAVAILABLE);
});

test('the profile of an address follows the endpoints that the name system tells of', () => {
  const text = 'services: { web: { ports: [80], dns: { name: web.example } } }';
  const mesh = anOpenMesh(text);
  const { answer } = mesh.answers.profile('10.0.0.1:80');
  const service = (): string | undefined =>
    answer.value.kind === 'answer' ? answer.value.value.message.endpoint?.metricLabels['service'] : undefined;
  assert.equal(service(), undefined);
  mesh.edit(text, new Map([['web', [anEndpoint('10.0.0.1:80')]]]));
  assert.equal(service(), 'web');
  mesh.edit(text, new Map([['web', []]]));
  assert.equal(service(), undefined);
});
