// A remote control plane whose controllers are one scripted controller, or several behind one name,
// for tests over real sockets. Everything is closed with the test.
import type { TestContext } from 'node:test';

import { ControlCounters } from '../../src/control/control-counters.js';
import type { StreamState, StreamWatch } from '../../src/control/control-plane.js';
import type { StreamLimits } from '../../src/config/proxy-config.js';
import {
  type ControllerAddress,
  type ControllerSettings,
  NO_LIMITS,
} from '../../src/control/controller-address.js';
import { ControllerChannel } from '../../src/control/controller-channel.js';
import { RemoteControlPlane } from '../../src/control/remote-control-plane.js';
import { systemClock } from '../../src/core/clock.js';
import { FakeControllerNames } from './fake-controller-names.js';
import { RecordingLogger } from './recording-logger.js';

export class ControlPlaneUnderTest {
  readonly names = new FakeControllerNames();
  readonly logger = new RecordingLogger();
  readonly counters = new ControlCounters();
  readonly channel: ControllerChannel;
  readonly plane: RemoteControlPlane;
  readonly #watches: { close(): void }[] = [];

  constructor(t: TestContext, address: ControllerAddress, limits: StreamLimits = NO_LIMITS) {
    const { logger, counters, names } = this;
    const settings = testSettings(address, limits);
    this.channel = new ControllerChannel({ settings, names, counters, clock: systemClock, logger });
    const controller = { transport: this.channel, settings };
    this.plane = new RemoteControlPlane({
      destination: controller,
      policy: controller,
      contextToken: '{"ns":"emojivoto"}\n',
      workload: '{"ns":"emojivoto","pod":"web-1"}',
      clock: systemClock,
      logger,
    });
    t.after(() => {
      for (const watch of this.#watches) watch.close();
      this.channel.close();
    });
  }

  /** Closed with the test. */
  keep<T>(watch: StreamWatch<T>): StreamWatch<T> {
    this.#watches.push(watch);
    return watch;
  }
}

export function testSettings(
  address: ControllerAddress,
  limits: StreamLimits = NO_LIMITS,
): ControllerSettings {
  return {
    address,
    limits,
    connect: { timeoutMs: 2000, backoff: { minMs: 20, maxMs: 200, jitter: 0.1 }, keepaliveMs: undefined },
  };
}

/** Resolves with the first state that matches, present or future; the test's limit bounds it. */
export function stateOf<T>(
  watch: StreamWatch<T>,
  matches: (state: StreamState<T>) => boolean,
): Promise<StreamState<T>> {
  return new Promise((resolve) => {
    watch.state.subscribe((state) => {
      if (matches(state)) resolve(state);
    });
  });
}

/** Resolves with the first value that matches. */
export async function valueOf<T>(
  watch: StreamWatch<T>,
  matches: (value: T) => boolean = () => true,
): Promise<T> {
  const state = await stateOf(watch, (candidate) => candidate.kind === 'known' && matches(candidate.value));
  if (state.kind !== 'known') throw new Error(`not known but ${state.kind}`);
  return state.value;
}
