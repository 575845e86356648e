// What the control logic writes logs with. Fields first, so that every line can be searched by
// them; messages are short, plain sentences without values. The real one is in src/logs.

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}
