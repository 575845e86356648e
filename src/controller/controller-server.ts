// The gRPC server of the controller: destination, policy and identity on one port, without TLS. Streams
// answer at once and again on every change, at the pace of their clients. At the end every stream is told
// UNAVAILABLE, so that proxies ask again, and what they know stays in use.
import * as grpc from '@grpc/grpc-js';

import { Destination, type GetDestination } from '../api/gen/destination_pb.js';
import { type CertifyRequest, CertifyResponseSchema, Identity } from '../api/gen/identity_pb.js';
import { InboundServerPolicies, type PortSpec } from '../api/gen/inbound_pb.js';
import { OutboundPolicies, type TrafficSpec } from '../api/gen/outbound_pb.js';
import { toHostPort } from '../api/net-values.js';
import type { OutboundTarget } from '../control/control-plane.js';
import type { Clock } from '../core/clock.js';
import type { Component } from '../core/component.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import type { Logger } from '../core/logger.js';
import { type Refusal, refused, StatusCode } from './answer.js';
import { type AnswerSink, AnswerStream, EndpointsTeller, StateTeller } from './answer-stream.js';
import type { Certifier } from './certifier.js';
import { serviceDefinition } from './grpc-methods.js';
import { encode, type Encoded, type MeshAnswers, type SharedAnswer } from './mesh-answers.js';

/** Requests are names, tokens and signing requests: a few kilobytes. */
const LARGEST_REQUEST_BYTES = 64 * 1024;
/** Of one connection; a proxy has three for each destination in use. */
const MOST_STREAMS = 20_000;
/** A client that vanished without a word is noticed after the sum of these. */
const KEEPALIVE_INTERVAL_MS = 20_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** For answers to leave at the end; whoever does not take them by then is cut off. */
const END_GRACE_MS = 1000;
const ENDING = 'the controller is ending';

export interface ControllerServerOptions {
  /** Port 0: one of the kernel's choice. */
  readonly listen: HostPort;
  readonly answers: MeshAnswers;
  readonly certifier: Certifier;
  readonly clock: Clock;
  readonly logger: Logger;
}

type StreamCall<Request> = grpc.ServerWritableStream<Request, Buffer>;
type UnaryCall<Request> = grpc.ServerUnaryCall<Request, Buffer>;
type Reply = grpc.sendUnaryData<Buffer>;

export class ControllerServer implements Component {
  readonly name = 'controller-server';
  readonly #options: ControllerServerOptions;
  readonly #server: grpc.Server;
  readonly #streams = new Set<{ end(message: string): void }>();
  #port = 0;
  #isEnding = false;

  constructor(options: ControllerServerOptions) {
    this.#options = options;
    this.#server = new grpc.Server({
      'grpc.max_receive_message_length': LARGEST_REQUEST_BYTES,
      'grpc.max_concurrent_streams': MOST_STREAMS,
      'grpc.keepalive_time_ms': KEEPALIVE_INTERVAL_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    });
    this.#addServices();
  }

  /** Where it listens; after `start`. */
  get address(): HostPort {
    return { ip: this.#options.listen.ip, port: this.#port };
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  async start(): Promise<void> {
    const address = formatHostPort(this.#options.listen);
    this.#port = await new Promise((resolve, reject) => {
      this.#server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    for (const stream of [...this.#streams]) stream.end(ENDING);
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(END_GRACE_MS, () => {
        this.#server.forceShutdown();
        resolve();
      });
      this.#server.tryShutdown(() => {
        cancel();
        resolve();
      });
    });
  }

  #addServices(): void {
    const { answers } = this.#options;
    this.#server.addService(serviceDefinition(Destination), {
      get: (call: StreamCall<GetDestination>) => {
        this.#open(call, (sink) => {
          return new AnswerStream(answers.endpoints(call.request.path), new EndpointsTeller(), sink);
        });
      },
      getProfile: (call: StreamCall<GetDestination>) => {
        this.#watch(call, answers.profile(call.request.path));
      },
    });
    this.#server.addService(serviceDefinition(OutboundPolicies), {
      get: (call: UnaryCall<TrafficSpec>, reply: Reply) => {
        const target = targetOf(call.request);
        if (target === undefined) reply(statusOf(NO_TARGET));
        else replyOnce(answers.outboundPolicy(target), reply);
      },
      watch: (call: StreamCall<TrafficSpec>) => {
        const target = targetOf(call.request);
        if (target === undefined) call.emit('error', statusOf(NO_TARGET));
        else this.#watch(call, answers.outboundPolicy(target));
      },
    });
    this.#server.addService(serviceDefinition(InboundServerPolicies), {
      getPort: (call: UnaryCall<PortSpec>, reply: Reply) => {
        replyOnce(answers.inboundPolicy(call.request.port), reply);
      },
      watchPort: (call: StreamCall<PortSpec>) => {
        this.#watch(call, answers.inboundPolicy(call.request.port));
      },
    });
    this.#server.addService(serviceDefinition(Identity), {
      certify: (call: UnaryCall<CertifyRequest>, reply: Reply) => {
        void this.#certify(call.request, reply);
      },
    });
  }

  #watch<Request, T>(call: StreamCall<Request>, shared: SharedAnswer<Encoded<T>>): void {
    this.#open(call, (sink) => new AnswerStream(shared, new StateTeller<T>(), sink));
  }

  #open<Request, T>(call: StreamCall<Request>, begin: (sink: AnswerSink) => AnswerStream<T>): void {
    if (this.#isEnding) {
      call.emit('error', statusOf(refused(StatusCode.UNAVAILABLE, ENDING)));
      return;
    }
    // Undefined as long as it begins: it may be over by then.
    let stream: AnswerStream<T> | undefined;
    const opened = (stream = begin({
      write: (bytes, done) => {
        call.write(bytes, (error?: Error | null) => {
          // Failed with its connection: `cancelled` follows.
          if (error == null) done();
        });
      },
      end: (refusal) => {
        if (stream !== undefined) this.#streams.delete(stream);
        call.emit('error', statusOf(refusal));
      },
    }));
    if (opened.isOver) return;
    this.#streams.add(opened);
    call.on('cancelled', () => {
      this.#streams.delete(opened);
      opened.cancel();
    });
  }

  async #certify(request: CertifyRequest, reply: Reply): Promise<void> {
    try {
      const certified = await this.#options.certifier.certify(request);
      if (certified.ok) reply(null, encode(CertifyResponseSchema, certified.value));
      else reply(statusOf(certified.error));
    } catch (error) {
      this.#options.logger.error({ error }, 'a certificate could not be made');
      reply(statusOf(refused(StatusCode.INTERNAL, 'the certificate could not be made')));
    }
  }
}

const NO_TARGET = refused(
  StatusCode.INVALID_ARGUMENT,
  'the question names neither an address nor an authority',
);

function targetOf({ target }: TrafficSpec): OutboundTarget | undefined {
  if (target.case === 'authority') return { kind: 'authority', authority: target.value };
  const address = target.case === 'addr' ? toHostPort(target.value) : undefined;
  return address === undefined ? undefined : { kind: 'address', address };
}

function statusOf({ code, message }: Refusal): { code: number; details: string } {
  return { code, details: message };
}

/** Answers that are asked for once depend on the file only, so they are never pending. */
function replyOnce<T>(shared: SharedAnswer<Encoded<T>>, reply: Reply): void {
  const answer = shared.answer.value;
  shared.release();
  if (answer.kind === 'answer') reply(null, answer.value.bytes);
  else if (answer.kind === 'refusal') reply(statusOf(answer));
  else reply(statusOf(refused(StatusCode.UNAVAILABLE, 'not known yet')));
}
