// The way to a controller, in memory: keeps what was asked, and answers as a test says.
import type { OpenRpc, RpcListener, RpcQuestion } from '../../src/control/controller-transport.js';
import type { ClosableTransport } from '../../src/control/certify-client.js';

export interface AskedRpc {
  readonly question: RpcQuestion;
  readonly listener: RpcListener;
  cancelled: 'unwanted' | 'silent' | undefined;
}

export class FakeTransport implements ClosableTransport {
  readonly asked: AskedRpc[] = [];
  started = 0;
  closed = 0;

  get latest(): AskedRpc {
    const latest = this.asked.at(-1);
    if (latest === undefined) throw new Error('nothing was asked');
    return latest;
  }

  ask(question: RpcQuestion, listener: RpcListener): OpenRpc {
    const rpc: AskedRpc = { question, listener, cancelled: undefined };
    this.asked.push(rpc);
    return {
      cancel: (reason) => {
        rpc.cancelled ??= reason;
      },
    };
  }

  start(): void {
    this.started += 1;
  }

  close(): void {
    this.closed += 1;
  }
}
