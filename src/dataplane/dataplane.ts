// The data plane as the control logic sees it. Small on purpose: everything above it is testable
// with a fake (test/support/fake-dataplane.ts), everything below it is one add-on call.
import type { MessageInitShape } from '@bufbuild/protobuf';

import type {
  AttachCaptureSchema,
  CaptureStatus,
  EventBatch,
  FailDiscoverySchema,
  Inspection,
  ListenSchema,
  LogLevel,
  PutDestinationSchema,
  PutRouteTableSchema,
  PutTargetSchema,
  SocketAddress,
  UpdateEndpointsSchema,
} from './gen/contract_pb.js';

export interface DataPlane {
  /** Opens a listener; answers the address really bound. */
  listen(listen: MessageInitShape<typeof ListenSchema>): SocketAddress;
  /** Accepted connections live on. */
  closeListener(id: number): void;
  /** A listener that was opened paused accepts from now on. */
  resumeListener(id: number): void;
  /** Creates a target or replaces its settings; its endpoints are kept. */
  putTarget(target: MessageInitShape<typeof PutTargetSchema>): void;
  /** From the moment this returns, no removed address is dialled any more. */
  updateEndpoints(update: MessageInitShape<typeof UpdateEndpointsSchema>): void;
  removeTarget(id: number): void;
  /** Creates a table or replaces it; the targets that it names must exist. */
  putRouteTable(table: MessageInitShape<typeof PutRouteTableSchema>): void;
  /** Destinations that name it answer NO_ROUTE. */
  removeRouteTable(id: number): void;
  putDestination(destination: MessageInitShape<typeof PutDestinationSchema>): void;
  removeDestination(id: number): void;
  /** Ends the waiting of connections or requests for a destination that cannot be discovered. */
  failDiscovery(failure: MessageInitShape<typeof FailDiscoverySchema>): void;
  setLogLevel(level: LogLevel): void;
  /** The `drained` event follows when the last connection has ended. */
  drain(graceMs: number): void;
  inspect(): Inspection;
  attachCapture(capture: MessageInitShape<typeof AttachCaptureSchema>): CaptureStatus;
  detachCapture(): void;
  /** The counters of every worker, in the order of workers (layout: see Metrics in the contract). */
  scrape(): BigUint64Array[];
  /** Batches arrive in order, at most one per turn of node's loop. Answers how to unsubscribe. */
  subscribe(listener: (batch: EventBatch) => void): () => void;
  /** Stops the workers and closes everything. No event afterwards. */
  close(): void;
}

/**
 * A command the data plane refused. Nothing was changed.
 * `field` is the path of the bad field, empty when the system refused; then `osError` has the errno.
 */
export class CommandRefusedError extends Error {
  override readonly name = 'CommandRefusedError';
  readonly field: string;
  readonly osError: number;

  constructor(field: string, message: string, osError: number) {
    super(field === '' ? message : `${field}: ${message}`);
    this.field = field;
    this.osError = osError;
  }
}
