// A small name server on a loopback port of the kernel's choice (RFC 1035 over UDP), so that the real
// resolver is tested against real packets. Answers what it was told, name by name.
import { createSocket, type Socket } from 'node:dgram';

import { ipBytes } from '../../src/core/ip.js';

const TYPES = { a: 1, aaaa: 28, srv: 33 } as const;
const CLASS_IN = 1;
/** Response, recursion available. */
const RESPONSE_FLAGS = 0x8180;
export const RESPONSE_CODE = { ok: 0, serverFailure: 2, nameError: 3 } as const;

export type FakeRecord =
  | { readonly type: 'a' | 'aaaa'; readonly ttl: number; readonly ip: string }
  | {
      readonly type: 'srv';
      readonly ttl: number;
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    };

export class FakeDnsServer {
  readonly questions: string[] = [];
  readonly #socket: Socket = createSocket('udp4');
  readonly #records = new Map<string, readonly FakeRecord[]>();
  readonly #codes = new Map<string, number>();
  readonly #silent = new Set<string>();

  /** Answers `address:port`. */
  async start(): Promise<string> {
    this.#socket.on('message', (query, from) => {
      const reply = this.#reply(query);
      if (reply !== undefined) this.#socket.send(reply, from.port, from.address);
    });
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    return `127.0.0.1:${String(this.#socket.address().port)}`;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  /** The name exists with these records and no others. */
  set(name: string, records: readonly FakeRecord[]): void {
    this.#records.set(name, records);
  }

  fail(name: string, code: number): void {
    this.#codes.set(name, code);
  }

  /** Questions for the name are lost. */
  silence(name: string): void {
    this.#silent.add(name);
  }

  #reply(query: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let offset = 12;
    for (let length = query.readUInt8(offset); length > 0; length = query.readUInt8(offset)) {
      labels.push(query.toString('latin1', offset + 1, offset + 1 + length));
      offset += length + 1;
    }
    const name = labels.join('.').toLowerCase();
    const type = query.readUInt16BE(offset + 1);
    this.questions.push(`${name} ${String(type)}`);
    if (this.#silent.has(name)) return undefined;
    const records = this.#records.get(name);
    const code =
      this.#codes.get(name) ?? (records === undefined ? RESPONSE_CODE.nameError : RESPONSE_CODE.ok);
    const answers = (records ?? []).filter((record) => TYPES[record.type] === type).map(encodeRecord);
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(RESPONSE_FLAGS | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    return Buffer.concat([header, query.subarray(12, offset + 5), ...answers]);
  }
}

function encodeRecord(record: FakeRecord): Buffer {
  const head = Buffer.alloc(12);
  // A pointer to the name of the question.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(TYPES[record.type], 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(record.ttl, 6);
  const data = record.type === 'srv' ? encodeSrv(record) : Buffer.from(ipBytes(record.ip));
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function encodeSrv(record: Extract<FakeRecord, { type: 'srv' }>): Buffer {
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(record.priority, 0);
  numbers.writeUInt16BE(record.weight, 2);
  numbers.writeUInt16BE(record.port, 4);
  const labels = record.target.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([numbers, ...labels, Buffer.from([0])]);
}
