// One directive of a log filter, `target[span{field=value}]=level`: its text, and what it speaks of
// (reference, proxy behaviour §10.5). Every part may be left out, but not all of them.
import { LOG_LEVELS, type LogLevelName } from '../config/environment.js';
import { failure, type Result, success } from '../core/result.js';

export interface FieldCondition {
  readonly name: string;
  /** As text; undefined: any value. */
  readonly value: string | undefined;
}

export interface LogDirective {
  /** Beginning of the targets it speaks of; undefined: every target. */
  readonly target: string | undefined;
  /** Name of a span that a line is in; undefined: that does not matter. */
  readonly span: string | undefined;
  /** Fields that must be there. */
  readonly fields: readonly FieldCondition[];
  readonly level: LogLevelName;
}

/** Numbers that stand for levels. */
const LEVELS_BY_NUMBER: readonly LogLevelName[] = ['off', 'error', 'warn', 'info', 'debug', 'trace'];

function parseLevel(text: string): LogLevelName | undefined {
  const name = text.toLowerCase();
  return /^[0-5]$/.test(name) ? LEVELS_BY_NUMBER[Number(name)] : LOG_LEVELS.find((level) => level === name);
}

const DIRECTIVE =
  /^(?<target>[\w:.-]+)?(?:\[(?<span>[^\]{}]*)(?:\{(?<fields>[^\]{}]*)\})?\])?(?:=(?<level>\w*))?$/;
const FIELD = /^(?<name>\w[\w.]*)(?:=(?<value>.+))?$/;

function parseFields(text: string): readonly FieldCondition[] | undefined {
  const fields: FieldCondition[] = [];
  for (const item of text.split(',')) {
    const { name, value } = FIELD.exec(item.trim())?.groups ?? {};
    if (name === undefined) return undefined;
    fields.push({ name, value: value?.replace(/^"(.*)"$/, '$1') });
  }
  return fields;
}

/** The error names the directive. Without a level it lets every line through. */
export function parseDirective(text: string): Result<LogDirective, string> {
  const wrong = failure(`invalid filter directive ${JSON.stringify(text)}`);
  const bare = parseLevel(text);
  if (bare !== undefined) return success({ target: undefined, span: undefined, fields: [], level: bare });
  const groups = DIRECTIVE.exec(text)?.groups;
  if (groups === undefined || text === '' || text.startsWith('=')) return wrong;
  const { target, span = '', fields: fieldsText, level: levelText = '' } = groups;
  const level = levelText === '' ? 'trace' : parseLevel(levelText);
  if (level === undefined) return failure(`${wrong.error}: unknown level ${JSON.stringify(levelText)}`);
  const fields = fieldsText === undefined ? [] : parseFields(fieldsText);
  if (fields === undefined) return failure(`${wrong.error}: fields are written {name,name=value}`);
  return success({ target, span: span === '' ? undefined : span, fields, level });
}

/** Splits at commas that are not within brackets. */
export function splitDirectives(text: string): readonly string[] {
  return text.split(/,(?![^[]*\])/).map((item) => item.trim());
}
