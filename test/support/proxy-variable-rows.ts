// Rows of tests about variables of `sluice proxy`: each set well, set badly, and not set.
import { type Variables } from '../../src/config/environment.js';
import { type ProxyConfig, type SideConfig } from '../../src/config/proxy-config.js';

export interface VariableRow {
  /** With its prefix. */
  readonly name: string;
  readonly good: string;
  readonly value: unknown;
  readonly of: (config: ProxyConfig) => unknown;
  /** What `of` answers when it is not set; REFUSED: then there is no configuration. */
  readonly absent: unknown;
  /** Undefined: there is no bad text. */
  readonly bad: string | undefined;
  /** The bad text is no reason to stop; `of` answers this then. */
  readonly afterBad?: unknown;
  /** Set as well, well or badly. */
  readonly beside?: Variables;
  /** Not set in the row's environment, though it is required otherwise. */
  readonly without?: readonly string[];
}

export const REFUSED = 'refused';
export const PREFIX = 'LINKERD2_PROXY_';

export function row(
  name: string,
  good: string,
  value: unknown,
  of: VariableRow['of'],
  absent: unknown,
  bad: string | undefined,
  extra: Pick<VariableRow, 'afterBad' | 'beside' | 'without'> = {},
): VariableRow {
  const fullName = /^(?:SLUICE_|OTEL_|HOSTNAME$)/.test(name) ? name : `${PREFIX}${name}`;
  return { name: fullName, good, value, of, absent, bad, ...extra };
}

/** A row for a variable of each side; `absent` of both, or a list with that of each. */
export function both(
  suffix: string,
  good: string,
  value: unknown,
  of: (side: SideConfig) => unknown,
  absent: unknown,
  bad: string,
  beside: Readonly<Record<string, string>> = {},
): readonly VariableRow[] {
  return (['inbound', 'outbound'] as const).map((key, index) => {
    const prefix = `${key.toUpperCase()}_`;
    const others = Object.entries(beside).map(([name, text]) => [`${PREFIX}${prefix}${name}`, text]);
    const ofSide = (config: ProxyConfig): unknown => of(config[key]);
    const its = Array.isArray(absent) ? (absent as unknown[])[index] : absent;
    return row(`${prefix}${suffix}`, good, value, ofSide, its, bad, {
      beside: Object.fromEntries(others) as Variables,
    });
  });
}

export const ANY_NAME = 'linkerd.example';

/** 127.0.0.1 as the address of a service. */
export function loopback(port: number): unknown {
  return { kind: 'address', address: { ip: '127.0.0.1', port } };
}

/** The address and the name of a controller that must be set. */
export function service(base: string, of: VariableRow['of']): readonly VariableRow[] {
  const onLoopback = { address: loopback(1), serverName: undefined };
  const elsewhere = { address: { kind: 'name', name: 'controller', port: 1 }, serverName: ANY_NAME };
  const beside = { [`${PREFIX}${base}_SVC_ADDR`]: 'controller:1' };
  return [
    row(`${base}_SVC_ADDR`, '127.0.0.1:1', onLoopback, of, REFUSED, '127.0.0.1'),
    row(`${base}_SVC_NAME`, ANY_NAME, elsewhere, of, REFUSED, 'a b', { beside }),
  ];
}
