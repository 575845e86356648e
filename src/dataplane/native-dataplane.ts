// The real data plane: the DataPlane interface over the add-on. Turns commands into bytes and
// results into values or CommandRefusedError; decides nothing.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';

import { type Addon, type AddonDataPlane, isRefusedSettings } from './addon.js';
import { CommandRefusedError, type DataPlane } from './dataplane.js';
import { ContractViolationError, DataPlaneClosedError } from './errors.js';
import { EventFanOut } from './events.js';
import {
  type AttachCaptureSchema,
  type CaptureStatus,
  CommandErrorSchema,
  type CommandResult,
  CommandResultSchema,
  CommandSchema,
  type EventBatch,
  type FailDiscoverySchema,
  type Inspection,
  type ListenSchema,
  type LogLevel,
  type PutDestinationSchema,
  type PutRouteTableSchema,
  type PutTargetSchema,
  SettingsSchema,
  type SocketAddress,
  type UpdateEndpointsSchema,
} from './gen/contract_pb.js';

type CommandKind = NonNullable<MessageInitShape<typeof CommandSchema>['kind']>;

export class NativeDataPlane implements DataPlane {
  readonly #events: EventFanOut;
  readonly #plane: AddonDataPlane;
  #closed = false;

  /**
   * Starts the workers. Throws CommandRefusedError when the settings are refused. `report` gets
   * what listeners throw; it must not throw itself.
   */
  constructor(
    addon: Addon,
    settings: MessageInitShape<typeof SettingsSchema>,
    report: (error: unknown) => void,
  ) {
    this.#events = new EventFanOut(report);
    const bytes = toBinary(SettingsSchema, create(SettingsSchema, settings));
    try {
      this.#plane = new addon.DataPlane(bytes, (batch) => {
        this.#events.deliver(batch);
      });
    } catch (error) {
      if (!isRefusedSettings(error)) throw error;
      const refusal = fromBinary(CommandErrorSchema, error.commandError);
      throw new CommandRefusedError(refusal.field, refusal.message, refusal.osError);
    }
  }

  listen(listen: MessageInitShape<typeof ListenSchema>): SocketAddress {
    return answered(this.#send({ case: 'listen', value: listen }).bound, 'bound');
  }

  closeListener(id: number): void {
    this.#send({ case: 'closeListener', value: { id } });
  }

  resumeListener(id: number): void {
    this.#send({ case: 'resumeListener', value: { id } });
  }

  putTarget(target: MessageInitShape<typeof PutTargetSchema>): void {
    this.#send({ case: 'putTarget', value: target });
  }

  updateEndpoints(update: MessageInitShape<typeof UpdateEndpointsSchema>): void {
    this.#send({ case: 'updateEndpoints', value: update });
  }

  removeTarget(id: number): void {
    this.#send({ case: 'removeTarget', value: { id } });
  }

  putRouteTable(table: MessageInitShape<typeof PutRouteTableSchema>): void {
    this.#send({ case: 'putRouteTable', value: table });
  }

  removeRouteTable(id: number): void {
    this.#send({ case: 'removeRouteTable', value: { id } });
  }

  putDestination(destination: MessageInitShape<typeof PutDestinationSchema>): void {
    this.#send({ case: 'putDestination', value: destination });
  }

  removeDestination(id: number): void {
    this.#send({ case: 'removeDestination', value: { id } });
  }

  failDiscovery(failure: MessageInitShape<typeof FailDiscoverySchema>): void {
    this.#send({ case: 'failDiscovery', value: failure });
  }

  setLogLevel(level: LogLevel): void {
    this.#send({ case: 'setLogLevel', value: { level } });
  }

  drain(graceMs: number): void {
    this.#send({ case: 'drain', value: { graceMs } });
  }

  inspect(): Inspection {
    return answered(this.#send({ case: 'inspect', value: {} }).inspection, 'inspection');
  }

  attachCapture(capture: MessageInitShape<typeof AttachCaptureSchema>): CaptureStatus {
    return answered(this.#send({ case: 'attachCapture', value: capture }).capture, 'capture');
  }

  detachCapture(): void {
    this.#send({ case: 'detachCapture', value: {} });
  }

  scrape(): BigUint64Array[] {
    this.#checkOpen();
    return Array.from({ length: this.#plane.workers() }, (_, worker) => this.#plane.scrape(worker));
  }

  subscribe(listener: (batch: EventBatch) => void): () => void {
    return this.#events.subscribe(listener);
  }

  /** Safe to call again. */
  close(): void {
    this.#closed = true;
    this.#events.close();
    this.#plane.close();
  }

  #send(kind: CommandKind): CommandResult {
    this.#checkOpen();
    const command = toBinary(CommandSchema, create(CommandSchema, { kind }));
    const result = fromBinary(CommandResultSchema, this.#plane.command(command));
    const { error } = result;
    if (error !== undefined) throw new CommandRefusedError(error.field, error.message, error.osError);
    return result;
  }

  #checkOpen(): void {
    if (this.#closed) throw new DataPlaneClosedError();
  }
}

function answered<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new ContractViolationError(`the result of a command lacks \`${field}\``);
  return value;
}
