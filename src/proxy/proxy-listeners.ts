// The listeners of a proxy: bound at once, so that nobody else gets their ports and connections wait in
// the backlog; accepting only when the proxy is certified (reference, proxy behaviour §2.1).
import { type ProxyConfig, type SideConfig } from '../config/proxy-config.js';
import { formatHostPort, formatIp, type HostPort, ipBytes } from '../core/ip.js';
import { CommandRefusedError, type DataPlane } from '../dataplane/dataplane.js';
import { Direction, OriginalDestinationSource } from '../dataplane/gen/contract_pb.js';

export interface BoundListener {
  readonly direction: 'inbound' | 'outbound';
  readonly address: HostPort;
}

/** A listener that could not be had. */
export class BindError extends Error {
  override readonly name = 'BindError';
}

export class ProxyListeners {
  readonly bound: readonly BoundListener[];
  readonly #dataPlane: DataPlane;
  readonly #ids: readonly number[];

  /** Throws BindError; what was bound before it stays so until the data plane is closed. */
  constructor(dataPlane: DataPlane, { listeners, inbound, outbound }: ProxyConfig) {
    this.#dataPlane = dataPlane;
    const wanted = [
      { direction: 'inbound', address: listeners.inbound, side: inbound },
      ...listeners.outbound.map((address) => ({ direction: 'outbound', address, side: outbound }) as const),
    ] as const;
    this.#ids = wanted.map((_, index) => index + 1);
    this.bound = wanted.map(({ direction, address, side }, index) => ({
      direction,
      address: bind(dataPlane, index + 1, direction, address, side),
    }));
  }

  /** Connections are accepted from now on. */
  accept(): void {
    for (const id of this.#ids) this.#dataPlane.resumeListener(id);
  }
}

function bind(
  dataPlane: DataPlane,
  id: number,
  direction: BoundListener['direction'],
  address: HostPort,
  { accept, originalDestination }: SideConfig,
): HostPort {
  try {
    const bound = dataPlane.listen({
      id,
      direction: direction === 'inbound' ? Direction.INBOUND : Direction.OUTBOUND,
      address: { ip: ipBytes(address.ip), port: address.port },
      ...sourceOf(originalDestination),
      backlog: accept.backlog ?? 0,
      paused: true,
    });
    return { ip: formatIp(bound.ip), port: bound.port };
  } catch (error) {
    if (!(error instanceof CommandRefusedError)) throw error;
    throw new BindError(`Failed to bind ${direction} listener ${formatHostPort(address)}: ${error.message}`);
  }
}

/** Who knows where a connection was going. */
function sourceOf(fixed: SideConfig['originalDestination']): {
  source: OriginalDestinationSource;
  originalDestination?: { ip: Uint8Array; port: number };
} {
  switch (fixed?.kind) {
    case undefined:
      return { source: OriginalDestinationSource.SOURCE_SOCKET_OPTION };
    case 'local':
      return { source: OriginalDestinationSource.SOURCE_LOCAL_ADDRESS };
    case 'none':
      return { source: OriginalDestinationSource.SOURCE_NONE };
    case 'address': {
      const { ip, port } = fixed.address;
      return {
        source: OriginalDestinationSource.SOURCE_ADDRESS,
        originalDestination: { ip: ipBytes(ip), port },
      };
    }
  }
}
