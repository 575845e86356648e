// One environment variable of `sluice proxy`: how it is called, read and explained. The tables made of
// these (proxy-variables*.ts) are the only list there is: what is parsed, documented and tested.
import { type Grammar } from './proxy-values.js';

export const PREFIX = 'LINKERD2_PROXY_';

export interface ProxyVariable<T> {
  /** With its prefix. */
  readonly name: string;
  readonly grammar: Grammar<T>;
  /** What holds when it is not set, as docs/environment.md says it. */
  readonly absent: string;
  readonly meaning: string;
  /** `later`: read and checked like any other, but this version does nothing with the value. */
  readonly effect: 'now' | 'later';
  /** Its value is not repeated in messages. */
  readonly mayHoldSecret: boolean;
}

/** Not setting it is the same as setting it to `absent`. */
export interface DefaultedVariable<T> extends ProxyVariable<T> {
  readonly isDefaulted: true;
}

export interface VariableOptions {
  readonly effect?: 'now' | 'later';
  readonly mayHoldSecret?: boolean;
  readonly prefix?: string;
}

/** A variable without a value of its own when it is not set; `absent` says what holds then. */
export function variable<T>(
  name: string,
  grammar: Grammar<T>,
  absent: string,
  meaning: string,
  options: VariableOptions = {},
): ProxyVariable<T> {
  const { effect = 'now', mayHoldSecret = false, prefix = PREFIX } = options;
  return { name: `${prefix}${name}`, grammar, absent, meaning, effect, mayHoldSecret };
}

/** A variable whose default is a text of its grammar. */
export function defaulted<T>(
  name: string,
  grammar: Grammar<T>,
  absent: string,
  meaning: string,
  options: VariableOptions = {},
): DefaultedVariable<T> {
  return { ...variable(name, grammar, absent, meaning, options), isDefaulted: true };
}

/** The three variables of a back-off. */
export interface BackoffVariables {
  readonly min: ProxyVariable<number>;
  readonly max: ProxyVariable<number>;
  readonly jitter: ProxyVariable<number>;
}
