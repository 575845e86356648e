// Variables of `sluice proxy` about HTTP/2, as it speaks it to clients and to servers (reference, proxy
// behaviour §1.5).
import { bool, count, duration, u32 } from './proxy-values.js';
import { defaulted, type DefaultedVariable, type ProxyVariable, variable } from './proxy-variable.js';

const LATER = { effect: 'later' } as const;

/** Every `…_SERVER_HTTP2_…` variable of one side. */
export interface Http2ServerVariables {
  readonly adaptive: DefaultedVariable<boolean>;
  readonly streamWindow: ProxyVariable<number>;
  readonly connectionWindow: ProxyVariable<number>;
  readonly pingInterval: ProxyVariable<number>;
  readonly pingTimeout: ProxyVariable<number>;
  readonly maxStreams: ProxyVariable<number>;
  readonly maxFrame: ProxyVariable<number>;
  readonly maxHeaderList: ProxyVariable<number>;
  readonly maxPendingResets: ProxyVariable<number>;
  readonly maxSendBuffer: ProxyVariable<number>;
}

export function http2ServerVariables(side: string): Http2ServerVariables {
  const name = (suffix: string): string => `${side}_SERVER_HTTP2_${suffix}`;
  const both = 'only together with the other window';
  const pings = 'only together with the other PING setting';
  return {
    adaptive: defaulted(
      name('ADAPTIVE_FLOW_CONTROL'),
      bool,
      'false',
      'windows towards clients follow the bandwidth; wins over fixed ones',
      LATER,
    ),
    streamWindow: variable(
      name('INITIAL_STREAM_WINDOW_SIZE'),
      u32,
      '65535',
      `bytes a client may send ahead on a stream; ${both}`,
      LATER,
    ),
    connectionWindow: variable(
      name('INITIAL_CONNECTION_WINDOW_SIZE'),
      u32,
      '1048576',
      `bytes a client may send ahead on a connection; ${both}`,
      LATER,
    ),
    pingInterval: variable(
      name('KEEP_ALIVE_INTERVAL'),
      duration,
      'unset',
      `PING to clients this often; ${pings}`,
    ),
    pingTimeout: variable(
      name('KEEP_ALIVE_TIMEOUT'),
      duration,
      'unset',
      `a connection ends whose PING is not answered in this time; ${pings}`,
    ),
    maxStreams: variable(
      name('MAX_CONCURRENT_STREAMS'),
      u32,
      'no limit',
      'streams a client may have open',
      LATER,
    ),
    maxFrame: variable(name('MAX_FRAME_SIZE'), u32, '16384', 'largest frame a client may send', LATER),
    maxHeaderList: variable(
      name('MAX_HEADER_LIST_SIZE'),
      u32,
      '16384',
      'largest head a client may send',
      LATER,
    ),
    maxPendingResets: variable(
      name('MAX_PENDING_ACCEPT_RESET_STREAMS'),
      count,
      '20',
      'streams a client may open and reset before they are looked at',
      LATER,
    ),
    maxSendBuffer: variable(
      name('MAX_SEND_BUF_SIZE'),
      count,
      '409600',
      'bytes kept for a client on a stream',
      LATER,
    ),
  };
}

/** HTTP/2 that the proxy speaks as a client, to applications and peers. */
export const HTTP2_CLIENT_VARIABLES = {
  streamWindow: defaulted(
    'HTTP2_INITIAL_STREAM_WINDOW_SIZE',
    u32,
    '65535',
    'bytes that servers may send ahead on a stream',
    LATER,
  ),
  connectionWindow: defaulted(
    'HTTP2_INITIAL_CONNECTION_WINDOW_SIZE',
    u32,
    '1048576',
    'bytes that servers may send ahead on a connection',
    LATER,
  ),
};
