// Variables of `sluice proxy` that linkerd2-proxy does not have. Written as those of `sluice run`: blanks
// around a value and the case of its letters do not matter, and an empty one counts as absent.
import { type HostPort, parseHostPort } from '../core/ip.js';
import { POLLERS } from './environment.js';
import { nameServers } from './proxy-address-values.js';
import { anyCaseWord, type Grammar, grammar } from './proxy-values.js';
import { defaulted, variable, type VariableOptions } from './proxy-variable.js';

export const OWN_PREFIX = 'SLUICE_';

/** Where a connection was going, when nobody redirected it. */
export type OriginalDestination =
  | { readonly kind: 'address'; readonly address: HostPort }
  /** The accepted socket's own address. */
  | { readonly kind: 'local' }
  /** Unknown: the connection is refused. */
  | { readonly kind: 'none' };

const originalDestination: Grammar<OriginalDestination> = grammar(
  'IP:port, `local` or `none`',
  'IP:port, local or none',
  (value) => {
    const text = value.trim().toLowerCase();
    if (text === 'local' || text === 'none') return { kind: text };
    const address = parseHostPort(text);
    return address === undefined || address.port === 0 ? undefined : { kind: 'address', address };
  },
);

const yesOrNo: Grammar<boolean> = grammar('bool', 'true or false', (value) => {
  const text = value.trim().toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : undefined;
});

const OWN: VariableOptions = { prefix: OWN_PREFIX };

export const OWN_VARIABLES = {
  inboundOriginalDestination: variable(
    'INBOUND_ORIGINAL_DST',
    originalDestination,
    'the kernel says',
    'where incoming connections were going, where nothing redirects them; `local`: where they arrived, `none`: they are refused',
    OWN,
  ),
  outboundOriginalDestination: variable(
    'OUTBOUND_ORIGINAL_DST',
    originalDestination,
    'the kernel says',
    'the same for outgoing connections',
    OWN,
  ),
  allowLoopback: defaulted('ALLOW_LOOPBACK', yesOrNo, 'false', 'dial endpoints on loopback addresses', OWN),
  poller: variable(
    'POLLER',
    anyCaseWord(...POLLERS),
    'epoll on Linux, libuv elsewhere',
    'how sockets are watched',
    OWN,
  ),
  nameServers: defaulted(
    'DNS_SERVERS',
    nameServers,
    '',
    "name servers in place of the system's, each with or without `:port`",
    OWN,
  ),
};

/** Read by `sluice run` only. */
export const RUN_ONLY_VARIABLES: readonly string[] = ['SLUICE_LOG', 'SLUICE_LOG_FORMAT', 'SLUICE_WORKERS'];
