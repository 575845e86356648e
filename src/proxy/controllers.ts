// The controllers of a proxy: a channel to each, a control plane over two of them, and a certifier over
// the third (reference, proxy behaviour §1.9, §12). What they count is kept for the metrics.
import { formatServiceAddress } from '../config/proxy-address-values.js';
import { type ControllerConfig, type ProxyConfig, type SideConfig } from '../config/proxy-config.js';
import { RemoteCertifyClient } from '../control/certify-client.js';
import { ControlCounters } from '../control/control-counters.js';
import { type ControlPlane } from '../control/control-plane.js';
import { controllerAddress, type ControllerSettings } from '../control/controller-address.js';
import { ControllerChannel } from '../control/controller-channel.js';
import { type ControllerNames } from '../control/controller-names.js';
import { RemoteControlPlane } from '../control/remote-control-plane.js';
import { type Clock } from '../core/clock.js';
import { type Component } from '../core/component.js';
import { type Logger } from '../core/logger.js';
import { type ControlSource } from '../metrics/control-metrics.js';

export interface ControllersOptions {
  readonly config: ProxyConfig;
  readonly identity: ControllerConfig;
  readonly names: ControllerNames;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How a controller is reached. */
interface Way {
  readonly settings: ControllerSettings;
  readonly counters: ControlCounters;
  readonly connect: () => ControllerChannel;
}

export class Controllers implements Component {
  readonly name = 'controllers';
  readonly controlPlane: ControlPlane;
  readonly certify: RemoteCertifyClient;
  /** For the metrics. */
  readonly sources: readonly ControlSource[];
  readonly #channels: readonly ControllerChannel[];

  constructor(options: ControllersOptions) {
    const { config, clock, logger } = options;
    const wayTo = (controller: ControllerConfig): Way => {
      const settings = controllerSettings(config, controller);
      const counters = new ControlCounters();
      const connect = (): ControllerChannel =>
        new ControllerChannel({ settings, names: options.names, counters, clock, logger });
      return { settings, counters, connect };
    };
    const destination = wayTo(config.destination.controller);
    const policy = wayTo(config.policy.controller);
    const destinationChannel = destination.connect();
    const policyChannel = policy.connect();
    this.#channels = [destinationChannel, policyChannel];
    this.controlPlane = new RemoteControlPlane({
      destination: { transport: destinationChannel, settings: destination.settings },
      policy: { transport: policyChannel, settings: policy.settings },
      contextToken: config.destination.context,
      workload: config.policy.workload,
      clock,
      logger,
    });
    const identity = wayTo(options.identity);
    // Each question to it has a channel of its own.
    let asked: ControllerChannel | undefined;
    this.certify = new RemoteCertifyClient(() => (asked = identity.connect()));
    this.sources = [
      source('identity', identity, () => asked?.picture),
      source('destination', destination, () => destinationChannel.picture),
      source('policy', policy, () => policyChannel.picture),
    ];
  }

  start(): Promise<void> {
    for (const channel of this.#channels) channel.start();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    for (const channel of this.#channels) channel.close();
    return Promise.resolve();
  }
}

/** Those of this host are reached as applications are, others as peers. */
function controllerSettings(config: ProxyConfig, { address: service }: ControllerConfig): ControllerSettings {
  const address =
    service.kind === 'address'
      ? controllerAddress(service.address.ip, service.address.port)
      : controllerAddress(service.name, service.port);
  const { connect }: SideConfig = address.loopback ? config.inbound : config.outbound;
  return {
    address,
    connect: { timeoutMs: connect.timeoutMs, backoff: connect.backoff, keepaliveMs: connect.keepaliveMs },
    limits: config.streamLimits,
  };
}

function source(client: ControlSource['client'], way: Way, picture: ControlSource['picture']): ControlSource {
  return { client, address: way.settings.address, counters: way.counters, picture };
}

/** `name:port`, and the identity it must have; as start-up lines tell it. */
export function describeController({ address: service, serverName }: ControllerConfig): string {
  const text = formatServiceAddress(service);
  return serverName === undefined ? text : `${text} (${serverName})`;
}
