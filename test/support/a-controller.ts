// `sluice controller` as a user starts it: a process of its own, asked over real sockets with a client of
// @grpc/grpc-js.
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import {
  create,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';

import type { Variables } from '../../src/config/environment.js';
import { type LogRecord, sluiceWords } from './a-sluice.js';
import { aFolder, PATIENCE_MS, Running, type Scope, until, within } from './processes.js';

export interface ControllerOptions {
  readonly config: string;
  /** Of an earlier controller: its file and its authority. */
  readonly folder?: string;
  /** Beside the file, the folder of the authority and those of the log. */
  readonly options?: readonly string[];
  readonly env?: Variables;
  /** What runs it, such as `nsenter` into a namespace. */
  readonly wrap?: readonly string[];
}

/** Answers when it is ready. */
export async function aController(t: TestContext, options: ControllerOptions): Promise<Controller> {
  const folder = options.folder ?? (await aFolder(t));
  await writeFile(join(folder, 'mesh.yaml'), options.config);
  const controller = new Controller(t, folder, options);
  t.after(() => controller.stop());
  await controller.untilLogged(({ message }) => message === 'the controller is ready');
  return controller;
}

export class Controller extends Running {
  readonly folder: string;
  readonly #scope: Scope;
  #client: grpc.Client | undefined;

  constructor(
    scope: Scope,
    folder: string,
    { options = ['--listen', '127.0.0.1:0'], env, wrap = [] }: ControllerOptions,
  ) {
    const own = ['--config', join(folder, 'mesh.yaml'), '--ca-dir', join(folder, 'ca')];
    const log = ['--log-format', 'json', '--log-level', 'debug'];
    const [program = process.execPath, ...words] = [
      ...wrap,
      ...sluiceWords('controller', ...own, ...log, ...options),
    ];
    super([program, ...words], env === undefined ? {} : { env });
    this.folder = folder;
    this.#scope = scope;
  }

  get log(): readonly LogRecord[] {
    return this.stderr
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogRecord);
  }

  untilLogged(isIt: (record: LogRecord) => boolean): Promise<LogRecord> {
    return this.sees('a line of the log', () => this.log.find(isIt));
  }

  /** `address:port`. */
  get address(): string {
    const ready = this.log.find(({ message }) => message === 'the controller is ready');
    return String(ready?.fields?.['listen']);
  }

  /** Replaces the mesh file as editors do, by rename. */
  async edit(config: string): Promise<void> {
    const file = join(this.folder, 'mesh.yaml');
    await writeFile(`${file}.new`, config);
    await rename(`${file}.new`, file);
  }

  /** One connection, closed at the end of the test. */
  get client(): grpc.Client {
    if (this.#client === undefined) {
      const client = new grpc.Client(this.address, grpc.credentials.createInsecure());
      this.#client = client;
      this.#scope.after(() => {
        client.close();
      });
    }
    return this.#client;
  }

  watch<M extends DescMethod>(method: M, request: MessageInitShape<M['input']>): Answers<M> {
    const { path, serialize, deserialize } = wire(method);
    return new Answers(this.client.makeServerStreamRequest(path, serialize, deserialize, request));
  }

  /** Rejects with the status. */
  ask<M extends DescMethod>(
    method: M,
    request: MessageInitShape<M['input']>,
  ): Promise<MessageShape<M['output']>> {
    const { path, serialize, deserialize } = wire(method);
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(path, serialize, deserialize, request, (error, message) => {
        if (error !== null) reject(error);
        else if (message !== undefined) resolve(message);
      });
    });
  }
}

function wire<M extends DescMethod>(
  method: M,
): {
  path: string;
  serialize: (request: MessageInitShape<M['input']>) => Buffer;
  deserialize: (bytes: Buffer) => MessageShape<M['output']>;
} {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    serialize: (request) => Buffer.from(toBinary(method.input, create(method.input, request))),
    deserialize: (bytes) => fromBinary(method.output, bytes) as MessageShape<M['output']>,
  };
}

/** A stream and what has come on it. */
export class Answers<M extends DescMethod> {
  readonly messages: MessageShape<M['output']>[] = [];
  readonly call: grpc.ClientReadableStream<MessageShape<M['output']>>;
  readonly #ended: Promise<grpc.StatusObject>;
  #status: grpc.StatusObject | undefined;

  constructor(call: grpc.ClientReadableStream<MessageShape<M['output']>>) {
    this.call = call;
    call.on('data', (message: MessageShape<M['output']>) => this.messages.push(message));
    this.#ended = new Promise((resolve) => {
      call.on('status', (status: grpc.StatusObject) => {
        this.#status = status;
        resolve(status);
      });
    });
    // Told by the status.
    call.on('error', () => undefined);
  }

  /** The message at this place, present or future. */
  async at(index: number): Promise<MessageShape<M['output']>> {
    await until(`message ${String(index)}`, () => this.messages.length > index || this.#status !== undefined);
    const message = this.messages[index];
    if (message === undefined) throw new Error(`the stream ended: ${String(this.#status?.details)}`);
    return message;
  }

  /** How it ended. */
  ended(): Promise<grpc.StatusObject> {
    return within(this.#ended, PATIENCE_MS, () => 'the end of a stream');
  }
}
