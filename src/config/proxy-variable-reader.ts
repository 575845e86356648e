// Reads variables of `sluice proxy` one at a time and remembers what is wrong with them, so that every
// mistake is told in one run. A variable that is set to an empty text is set: what that means is for
// its grammar to say. Only the own ones count as absent then, as those of `sluice run` do.
import { type LogFields } from '../core/logger.js';
import { type BackoffSettings } from '../core/backoff.js';
import { type Variables } from './environment.js';
import { type ControllerConfig } from './proxy-config.js';
import { isLoopbackService } from './proxy-address-values.js';
import { type BackoffVariables, type DefaultedVariable, type ProxyVariable } from './proxy-variable.js';
import { OWN_PREFIX } from './proxy-variables-own.js';
import { type ServiceVariables } from './proxy-variables-services.js';

/** Something to tell that is no reason to stop. */
export interface ProxyNotice {
  /** `standard error`: also where nothing is logged. */
  readonly to: 'log' | 'standard error';
  readonly level: 'info' | 'warn';
  readonly fields: LogFields;
  readonly message: string;
}

/** Why the process cannot start, in the words of linkerd2-proxy (reference, proxy behaviour §1.1). */
export const START_REFUSALS = {
  invalid: 'invalid environment variable',
  noDestination: 'no destination service configured',
  noPolicy: 'no policy service configured',
  differentNames: 'linkerd identity requires a TLS Id and server name to be the same',
} as const;
export type StartRefusal = keyof typeof START_REFUSALS;

const MAX_JITTER = 100;

export class ProxyVariableReader {
  /** Lines for the log. */
  readonly errors: string[] = [];
  readonly notices: ProxyNotice[] = [];
  readonly #variables: Variables;
  readonly #refusals: StartRefusal[] = [];

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  /** Undefined: nothing was wrong. A value that is not valid comes before one that is missing. */
  get refusal(): StartRefusal | undefined {
    return this.#refusals.includes('invalid') ? 'invalid' : this.#refusals[0];
  }

  fail(line: string, refusal: StartRefusal = 'invalid'): void {
    this.errors.push(line);
    this.#refusals.push(refusal);
  }

  tell(level: ProxyNotice['level'], fields: LogFields, message: string): void {
    this.notices.push({ to: 'log', level, fields, message });
  }

  isSet({ name }: ProxyVariable<unknown>): boolean {
    const text = this.#variables[name];
    if (text === undefined) return false;
    return !name.startsWith(OWN_PREFIX) || text.trim() !== '';
  }

  /** The text, unless it is not set, or not text. */
  raw(variable: ProxyVariable<unknown>): string | undefined {
    const text = this.isSet(variable) ? this.#variables[variable.name] : undefined;
    // node puts U+FFFD where bytes of the environment are not UTF-8.
    return text?.includes('\ufffd') === true ? undefined : text;
  }

  /** Undefined when it is not set, or not valid: then that is remembered. */
  find<T>(variable: ProxyVariable<T>): T | undefined {
    if (!this.isSet(variable)) return undefined;
    const text = this.raw(variable);
    if (text === undefined) {
      this.fail(`${variable.name} is not encoded in Unicode`);
      return undefined;
    }
    const value = variable.grammar.parse(text);
    if (value.ok) return value.value;
    this.reject(variable, value.error);
    return undefined;
  }

  /** The default when it is not set; also when it is not valid, so that reading can go on. */
  read<T>(variable: DefaultedVariable<T>): T {
    return this.find(variable) ?? this.defaultOf(variable);
  }

  /** Like `find`, but a bad value is worth a warning only, and counts as not set. */
  findOrIgnore<T>(variable: ProxyVariable<T>): T | undefined {
    if (!this.isSet(variable)) return undefined;
    const text = this.raw(variable);
    const value = text === undefined ? undefined : variable.grammar.parse(text);
    if (value?.ok === true) return value.value;
    const fields = { name: variable.name, value: text, reason: value?.error ?? 'not encoded in Unicode' };
    this.tell('warn', fields, 'Ignoring invalid configuration');
    return undefined;
  }

  /** `find` for what must be set. */
  require<T>(variable: ProxyVariable<T>, refusal: StartRefusal = 'invalid'): T | undefined {
    if (!this.isSet(variable)) this.fail(`${variable.name} must be set`, refusal);
    return this.find(variable);
  }

  reject({ name, mayHoldSecret }: ProxyVariable<unknown>, reason: string): void {
    const shown = mayHoldSecret ? '' : `=${JSON.stringify(this.#variables[name] ?? '')}`;
    this.fail(`${name}${shown} is not valid: ${reason}`);
  }

  /** Both or neither (reference §1.9); undefined when there is none, or a mistake. */
  controller({ address, name }: ServiceVariables, refusal?: StartRefusal): ControllerConfig | undefined {
    const at = this.find(address);
    const serverName = this.find(name);
    if (!this.isSet(address)) {
      if (this.isSet(name)) this.fail(`${name.name} is set, hence ${address.name} must be set too`);
      else if (refusal !== undefined) this.fail(`${address.name} must be set`, refusal);
      return undefined;
    }
    if (at === undefined) return undefined;
    if (isLoopbackService(at)) return { address: at, serverName: undefined };
    if (!this.isSet(name)) {
      this.fail(`${name.name} must be set, as ${address.name} is not on loopback`);
      return undefined;
    }
    return serverName === undefined ? undefined : { address: at, serverName };
  }

  /** The bounds together or not at all (reference §1.5). */
  backoff({ min, max, jitter }: BackoffVariables): BackoffSettings {
    const found = { min: this.find(min), max: this.find(max), jitter: this.find(jitter) };
    const defaults = {
      minMs: this.defaultOf(min),
      maxMs: this.defaultOf(max),
      jitter: this.defaultOf(jitter),
    };
    if (![min, max, jitter].some((variable) => this.isSet(variable))) return defaults;
    if (!this.isSet(min) || !this.isSet(max)) {
      this.fail(`${min.name} and ${max.name} must be set together, with or without ${jitter.name}`);
      return defaults;
    }
    const read = {
      minMs: found.min ?? defaults.minMs,
      maxMs: found.max ?? defaults.maxMs,
      jitter: found.jitter ?? 0,
    };
    if (found.min === undefined || found.max === undefined) return read;
    if (read.maxMs === 0) this.reject(max, 'expected more than 0');
    else if (read.minMs > read.maxMs) this.reject(min, `expected at most ${max.name}`);
    if (read.jitter < 0 || read.jitter > MAX_JITTER) {
      this.reject(jitter, `expected a number from 0 to ${String(MAX_JITTER)}`);
    }
    return read;
  }

  /** What holds when the variable is not set; its text is one of the grammar, or that is a bug. */
  defaultOf<T>({ name, grammar, absent }: ProxyVariable<T>): T {
    const value = grammar.parse(absent);
    if (!value.ok) throw new Error(`the default of ${name} is not valid: ${value.error}`);
    return value.value;
  }
}
