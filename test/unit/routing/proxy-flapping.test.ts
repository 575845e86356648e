// Whatever a control plane says, in whatever order, and whatever the data plane cannot take for a while: no
// endpoint stays that was removed, in the end everything leads where the last answers say, no command was
// malformed, and nothing is left when nobody connects any more.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { Direction } from '../../../src/dataplane/gen/contract_pb.js';
import { anEndpointSet, type FakeStream } from '../../support/fake-control-plane.js';
import type { LogRecord } from '../../support/recording-logger.js';
import {
  aPolicy,
  aProfile,
  aServer,
  pathOf,
  type PolicyParts,
  THREE_FAILURES,
} from '../../support/proxy-messages.js';
import { ProxyRouterFixture } from '../../support/proxy-router-fixture.js';

const SERVICES = ['a', 'b', 'c'];
const ADDRESSES = ['10.43.0.1:80', '10.43.0.2:80', '192.0.2.1:80'];
const PODS = ['10.1.0.5:8080', '[fd00::5]:8080', '10.1.0.5:9090'];
const ENDPOINTS = ['10.1.0.1:80', '10.1.0.2:80', '10.1.0.3:80', '10.1.0.4:80'];
/** Longer than every wait and every back-off of the router. */
const LONG_MS = 60_000;
/** INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, UNIMPLEMENTED. */
const FINAL_CODES = [3, 5, 9, 12];

const address = fc.constantFrom(...ADDRESSES);
const pod = fc.constantFrom(...PODS);
const services = fc.subarray(SERVICES, { minLength: 1 });

const action = fc.oneof(
  fc.record({ kind: fc.constant('connect' as const), address }),
  fc.record({ kind: fc.constant('idle' as const), address }),
  fc.record({ kind: fc.constant('accept' as const), pod }),
  fc.record({ kind: fc.constant('unused' as const), pod }),
  fc.record({
    kind: fc.constant('policy' as const),
    address,
    services,
    protocol: fc.constantFrom('detect' as const, 'opaque' as const, 'http1' as const),
    weight: fc.integer({ min: 1, max: 2 }),
    breaks: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('profile' as const),
    address,
    overrides: fc.subarray(SERVICES),
    opaque: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('endpoints' as const),
    service: fc.constantFrom(...SERVICES),
    present: fc.subarray(ENDPOINTS),
  }),
  fc.record({
    kind: fc.constant('server' as const),
    port: fc.constantFrom(8080, 9090),
    opaque: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('reset' as const) }),
  fc.record({ kind: fc.constant('final' as const), address, code: fc.constantFrom(...FINAL_CODES) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 400, 3000) }),
  fc.record({
    kind: fc.constant('full' as const),
    command: fc.constantFrom(
      'putTarget' as const,
      'updateEndpoints' as const,
      'putRouteTable' as const,
      'putDestination' as const,
    ),
  }),
);
type Action = typeof action extends fc.Arbitrary<infer Item> ? Item : never;

/** Where the answers so far lead, and the router that was told them. */
class Flapping {
  readonly proxy: ProxyRouterFixture;
  /** Endpoints by service, as last told. */
  readonly #present = new Map<string, readonly string[]>(SERVICES.map((service) => [service, []]));
  /** What the data plane was told may be late by a retry. */
  #late = false;
  /** Services that a policy leads to, and the overrides of a profile, by the stream that said so. */
  readonly #said = new Map<object, readonly string[]>();

  constructor(proxy: ProxyRouterFixture) {
    this.proxy = proxy;
  }

  perform(step: Action): void {
    const { proxy } = this;
    switch (step.kind) {
      case 'connect':
        proxy.connect(step.address);
        break;
      case 'idle':
        if (proxy.isKnown(step.address)) proxy.idle(step.address);
        break;
      case 'accept':
        proxy.accept(step.pod);
        break;
      case 'unused':
        if (proxy.isKnown(step.pod, Direction.INBOUND)) proxy.idle(step.pod, Direction.INBOUND);
        break;
      case 'policy':
        this.#answerPolicy(step.address, {
          protocol: step.protocol,
          http: Object.fromEntries(step.services.map((service) => [service, { weight: step.weight }])),
          ...(step.breaks ? { accrual: THREE_FAILURES } : {}),
        });
        break;
      case 'profile':
        this.#answerProfile(step.address, step.overrides, step.opaque);
        break;
      case 'endpoints':
        this.#present.set(step.service, step.present);
        this.answerEndpoints(step.service);
        break;
      case 'server':
        for (const stream of asked(proxy.controlPlane.inboundStreams, String(step.port))) {
          stream.answer(aServer('web', step.opaque ? 'opaque' : 'detect'));
        }
        break;
      case 'reset':
        for (const stream of proxy.controlPlane.endpointStreams) if (!stream.closed) stream.reset();
        break;
      case 'final':
        for (const stream of asked(proxy.controlPlane.outboundStreams, step.address)) {
          stream.refuse(step.code, 'no');
        }
        break;
      case 'wait':
        proxy.clock.advance(step.ms);
        break;
      case 'full':
        proxy.dataPlane.refuseNext(step.command);
        this.#late = true;
        break;
    }
  }

  answerEndpoints(service: string): void {
    for (const stream of asked(this.proxy.controlPlane.endpointStreams, pathOf(service))) {
      stream.answer(anEndpointSet(...(this.#present.get(service) ?? [])));
    }
  }

  /** No target has an endpoint that its service no longer has. */
  checkEndpoints(): void {
    if (this.#late) return;
    for (const { settings, endpoints } of this.proxy.dataPlane.targets.values()) {
      const service = SERVICES.find((name) => pathOf(name) === settings.authority);
      if (service === undefined) continue;
      const stale = [...endpoints.keys()].filter((key) => !this.#present.get(service)?.includes(key));
      assert.deepEqual(stale, [], `endpoints that ${service} no longer has`);
    }
  }

  /** Everything is answered, and has the time to be sent. */
  settle(): void {
    for (const item of ADDRESSES) {
      for (const stream of asked(this.proxy.controlPlane.outboundStreams, item)) {
        if (stream.state.value.kind === 'pending') this.#answerPolicy(item, { http: { a: {} } });
      }
      for (const stream of asked(this.proxy.controlPlane.profileStreams, item)) {
        if (stream.state.value.kind === 'pending') this.#answerProfile(item, [], false);
      }
    }
    for (const service of SERVICES) this.answerEndpoints(service);
    this.proxy.clock.advance(LONG_MS);
    // A refusal that no command has met yet would meet one that a test is not looking at.
    this.#late = false;
  }

  /** Where connections to an address lead is where the last answers say. */
  checkDestination(item: string): void {
    const [policy] = open(this.proxy.controlPlane.outboundStreams, item);
    assert.equal(this.proxy.isKnown(item), policy !== undefined, `${item} is known while it is asked about`);
    if (policy === undefined) return;
    const [profile] = open(this.proxy.controlPlane.profileStreams, item);
    const overrides = profile === undefined ? [] : (this.#said.get(profile) ?? []);
    const named = overrides.length > 0 ? overrides : this.#said.get(policy);
    const expected = named?.flatMap((service) => this.#present.get(service) ?? []) ?? [item];
    assert.deepEqual(this.#reachable(item), [...new Set(expected)].toSorted());
  }

  #reachable(item: string): readonly string[] {
    const tcp = this.proxy.tcpTargets(item).flatMap((id) => this.proxy.dataPlane.addressesOf(id) ?? []);
    return [...new Set([...this.proxy.behind(item), ...tcp])].toSorted();
  }

  #answerPolicy(item: string, parts: PolicyParts): void {
    for (const stream of asked(this.proxy.controlPlane.outboundStreams, item)) {
      this.#said.set(stream, Object.keys(parts.http ?? {}));
      stream.answer(aPolicy(parts));
    }
  }

  #answerProfile(item: string, overrides: readonly string[], opaque: boolean): void {
    for (const stream of asked(this.proxy.controlPlane.profileStreams, item)) {
      this.#said.set(stream, overrides);
      const weights = Object.fromEntries(overrides.map((service) => [pathOf(service), 1]));
      stream.answer(aProfile({ name: 'a.shop.svc.cluster.local', overrides: weights, opaque }));
    }
  }
}

function open<T>(streams: readonly FakeStream<T>[], subject: string): readonly FakeStream<T>[] {
  return streams.filter((stream) => !stream.closed && stream.subject === subject);
}

/** Those that may still be answered. */
function asked<T>(streams: readonly FakeStream<T>[], subject: string): readonly FakeStream<T>[] {
  return open(streams, subject).filter(({ state }) => state.value.kind !== 'refused');
}

/** Not a refusal that the test asked for, and not of a command that builds on one of those. */
function isMistake({ fields }: LogRecord): boolean {
  return fields['again'] !== true && !String(fields['error']).includes('names no');
}

test('any sequence of answers, resets, refusals and traffic ends where the last answers lead', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 80, size: 'max' }), async (actions) => {
      const proxy = await ProxyRouterFixture.started();
      const flapping = new Flapping(proxy);
      for (const item of ADDRESSES) flapping.perform({ kind: 'connect', address: item });
      for (const step of actions) {
        flapping.perform(step);
        flapping.checkEndpoints();
      }
      flapping.settle();
      flapping.settle();
      flapping.checkEndpoints();
      for (const item of ADDRESSES) flapping.checkDestination(item);
      assert.deepEqual(proxy.refusals.filter(isMistake), []);
      for (const { id } of [...proxy.dataPlane.destinations.values()]) {
        proxy.dataPlane.emit({ case: 'destinationIdle', value: { id } });
      }
      assert.deepEqual(proxy.leftovers, []);
      assert.equal(proxy.clock.waiting, 0);
    }),
    { numRuns: 150 },
  );
});
