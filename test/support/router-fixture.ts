// A router over fakes, and its conversation with the data plane in the words of the tests.
import type { MeshConfig } from '../../src/config/mesh-config.js';
import { IdSequence } from '../../src/core/ids.js';
import { ipBytes } from '../../src/core/ip.js';
import { Watch } from '../../src/core/watch.js';
import { Direction, type PutDestination } from '../../src/dataplane/gen/contract_pb.js';
import { MeshRouter } from '../../src/routing/mesh-router.js';
import { FakeDataPlane } from './fake-dataplane.js';
import { FakeDnsResolver, settle } from './fake-dns-resolver.js';
import { ManualClock } from './manual-clock.js';
import { at } from './mesh-configs.js';
import { RecordingLogger } from './recording-logger.js';

export class RouterFixture {
  readonly dataPlane = new FakeDataPlane();
  readonly resolver = new FakeDnsResolver();
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly config: Watch<MeshConfig>;
  readonly router: MeshRouter;

  constructor(config: MeshConfig, httpProxy: 'configured' | 'always' = 'configured') {
    this.config = new Watch(config);
    this.router = new MeshRouter({
      dataPlane: this.dataPlane,
      config: this.config,
      resolver: this.resolver,
      clock: this.clock,
      logger: this.logger,
      listenerIds: new IdSequence(),
      httpProxy,
      random: () => 0,
    });
  }

  static async started(
    config: MeshConfig,
    httpProxy: 'configured' | 'always' = 'configured',
  ): Promise<RouterFixture> {
    const fixture = new RouterFixture(config, httpProxy);
    await fixture.router.start();
    return fixture;
  }

  /** A connection to an unknown address waits in the data plane. */
  connect(address: string, direction: Direction = Direction.OUTBOUND): void {
    const { ip, port } = at(address);
    this.dataPlane.emit({
      case: 'discoverDestination',
      value: { direction, address: { ip: ipBytes(ip), port } },
    });
  }

  /** A request had this authority; DNS is given the time to answer. */
  async request(destinationId: number, authority: string): Promise<void> {
    this.dataPlane.emit({ case: 'discoverAuthority', value: { destinationId, authority } });
    await settle();
  }

  idle(id: number): void {
    this.dataPlane.emit({ case: 'destinationIdle', value: { id } });
  }

  /** Throws when the data plane does not know the address. */
  destination(address: string, direction: Direction = Direction.OUTBOUND): PutDestination {
    const found = this.dataPlane.destinationAt(direction, address);
    if (found === undefined) throw new Error(`no destination ${address}`);
    return found;
  }

  /** Addresses behind the default target of a destination. */
  behind(address: string, direction: Direction = Direction.OUTBOUND): readonly string[] | undefined {
    return this.dataPlane.addressesOf(this.destination(address, direction).targetId);
  }

  /** Addresses behind an authority of a destination; undefined when it has no target of its own. */
  behindAuthority(destination: PutDestination, authority: string): readonly string[] | undefined {
    const found = destination.authorities.find((item) => item.authority === authority);
    return this.dataPlane.addressesOf(found?.targetId);
  }

  /** The destination of the HTTP proxy, as it is now. */
  proxy(): PutDestination {
    const found = [...this.dataPlane.destinations.values()].find(
      ({ address, targetId }) => address === undefined && targetId === 0,
    );
    if (found === undefined) throw new Error('there is no HTTP proxy');
    return found;
  }

  /** Commands that the data plane refused. */
  get refusals(): readonly unknown[] {
    return this.logger.at('error');
  }
}
