// The route tables of the data plane: what each one should be, and what of it has been sent. A put that
// changes nothing is not sent; what was refused is sent again by `sync`. Ids are never used again.
import { IdSequence } from '../core/ids.js';
import type { Commander } from './commander.js';
import type { RouteTableDescription } from './route-description.js';
import type { RouteTable } from './route-table.js';
import { routeTableMessage } from './route-table-messages.js';

interface TableRecord {
  wanted: RouteTable;
  /** Its text, to be compared. */
  key: string;
  /** Undefined: the data plane has none. */
  sent: string | undefined;
}

export class RouteTables {
  readonly #commander: Commander;
  readonly #ids = new IdSequence();
  readonly #tables = new Map<number, TableRecord>();

  constructor(commander: Commander) {
    this.#commander = commander;
  }

  /** The targets that it names must exist. */
  create(wanted: RouteTable): number {
    const id = this.#ids.next();
    const record: TableRecord = { wanted, key: JSON.stringify(wanted), sent: undefined };
    this.#tables.set(id, record);
    this.#send(id, record);
    return id;
  }

  update(id: number, wanted: RouteTable): void {
    const record = this.#tables.get(id);
    if (record === undefined) throw new RangeError(`there is no route table ${String(id)}`);
    record.wanted = wanted;
    record.key = JSON.stringify(wanted);
    this.#send(id, record);
  }

  /** Destinations must no longer name it. */
  remove(id: number): void {
    const record = this.#tables.get(id);
    this.#tables.delete(id);
    if (record?.sent === undefined) return;
    this.#commander.attempt('removeRouteTable', { table: id }, (dataPlane) => {
      dataPlane.removeRouteTable(id);
    });
  }

  /** Whether the data plane has it as it should be. */
  isSent(id: number): boolean {
    const record = this.#tables.get(id);
    return record !== undefined && record.sent === record.key;
  }

  /** Sends whatever the data plane does not have yet. */
  sync(): void {
    for (const [id, record] of this.#tables) this.#send(id, record);
  }

  describe(): readonly RouteTableDescription[] {
    return [...this.#tables].map(([id, { wanted }]) => ({ id, ...wanted }));
  }

  #send(id: number, record: TableRecord): void {
    if (record.sent === record.key) return;
    const { service, port } = record.wanted;
    const fields = { table: id, service: `${service}:${String(port)}` };
    const applied = this.#commander.attempt('putRouteTable', fields, (dataPlane) => {
      dataPlane.putRouteTable(routeTableMessage(id, record.wanted));
    });
    if (applied) record.sent = record.key;
  }
}
