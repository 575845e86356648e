// Which lines are logged: a comma list of directives, in the grammar of LINKERD2_PROXY_LOG. Of the
// directives that speak of a line by its target and the names of its fields, the most specific one
// decides: the one with more fields, else the one with the longer target, so that `[{headers}]=off`
// hides what carries headers whatever else is let through. Directives that name a span, or the value of
// a field, let lines within such a span through in addition, and never hide any.
import { type LogLevelName } from '../config/environment.js';
import { failure, type Result, success } from '../core/result.js';
import { type LogDirective, parseDirective, splitDirectives } from './log-directive.js';
import { isEnabled, type LineLevel, louder } from './log-level.js';
import { type LogRecord, type LogSpan } from './log-record.js';

export type Filterable = Pick<LogRecord, 'level' | 'target' | 'spans' | 'fields'>;

/** What an empty filter means. */
const NO_DIRECTIVES: LogDirective = { target: undefined, span: undefined, fields: [], level: 'error' };

function hasSpanConditions({ span, fields }: LogDirective): boolean {
  return span !== undefined || fields.length > 0;
}

function byLine({ span, fields }: LogDirective): boolean {
  return span === undefined && fields.every(({ value }) => value === undefined);
}

function key({ target, fields }: LogDirective): string {
  return JSON.stringify([target, ...fields.map(({ name }) => name)]);
}

function speaksOfTarget(directive: LogDirective, target: string): boolean {
  return directive.target === undefined || target.startsWith(directive.target);
}

function speaksOfSpan(directive: LogDirective, { name, fields }: LogSpan): boolean {
  if (directive.span !== undefined && directive.span !== name) return false;
  return directive.fields.every((condition) => {
    if (!Object.hasOwn(fields, condition.name)) return false;
    return condition.value === undefined || String(fields[condition.name]) === condition.value;
  });
}

export class LogFilter {
  /** As it was given, without blanks around it. */
  readonly text: string;
  /** Most specific first. */
  readonly #ofLines: readonly LogDirective[];
  readonly #ofSpans: readonly LogDirective[];

  /** `text` is what the directives were written as. */
  constructor(text: string, directives: readonly LogDirective[]) {
    this.text = text;
    // Of equal ones the last counts.
    const ofLines = new Map(directives.filter(byLine).map((directive) => [key(directive), directive]));
    this.#ofLines = [...ofLines.values()].sort(
      (one, other) =>
        other.fields.length - one.fields.length || (other.target?.length ?? -1) - (one.target?.length ?? -1),
    );
    this.#ofSpans = directives.filter(hasSpanConditions);
  }

  /** The error says which directive is wrong. */
  static parse(text: string): Result<LogFilter, string> {
    const directives: LogDirective[] = [];
    for (const item of splitDirectives(text)) {
      if (item === '') continue;
      const directive = parseDirective(item);
      if (!directive.ok) return failure(directive.error);
      directives.push(directive.value);
    }
    return success(new LogFilter(text.trim(), directives.length === 0 ? [NO_DIRECTIVES] : directives));
  }

  enables({ level, target, spans, fields }: Filterable): boolean {
    if (this.#enablesWithin(level, target, spans)) return true;
    const decides = this.#ofLines.find(
      (directive) =>
        speaksOfTarget(directive, target) &&
        directive.fields.every(({ name }) => name === 'message' || Object.hasOwn(fields, name)),
    );
    return decides !== undefined && isEnabled(level, decides.level);
  }

  /** The most talkative level that any line, or any of these targets, can be let through at. */
  loudest(targets?: readonly string[]): LogLevelName {
    const about = [...this.#ofLines, ...this.#ofSpans].filter(
      (directive) => targets === undefined || targets.some((target) => speaksOfTarget(directive, target)),
    );
    return about.map(({ level }) => level).reduce(louder, 'off');
  }

  #enablesWithin(level: LineLevel, target: string, spans: readonly LogSpan[]): boolean {
    return this.#ofSpans.some(
      (directive) =>
        isEnabled(level, directive.level) &&
        speaksOfTarget(directive, target) &&
        spans.some((span) => speaksOfSpan(directive, span)),
    );
  }
}
