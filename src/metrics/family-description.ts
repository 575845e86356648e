// What the metrics page says of a family, and how the labels of its series become text.
import type { Labels } from '../dataplane/gen/contract_pb.js';
import type { PolicyDirectory, RouteDirectory } from '../routing/route-directory.js';
import type { TargetDirectory } from '../routing/target-directory.js';

export type LabelText = Readonly<Record<string, string>>;

/** What ids of labels mean. */
export type Directory = TargetDirectory & RouteDirectory & PolicyDirectory;

export type LabelWriter = (labels: Labels, directory: Directory) => LabelText;

export type FamilyType = 'counter' | 'gauge' | 'histogram';

export interface FamilyDescription {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  /** Upper bounds of a histogram as they are counted, ascending, without +Inf; empty for the other types. */
  readonly bounds: readonly number[];
  /** How many of what is counted make one of what is shown. */
  readonly unit: number;
  /** Undefined: as labels.ts writes them. */
  readonly labels: LabelWriter | undefined;
}

/** What one counted family is shown as. */
export interface Shown {
  readonly all: readonly FamilyDescription[];
  /** Those of `all` that a series with these labels belongs to. */
  of(labels: Labels, routes: RouteDirectory): readonly FamilyDescription[];
}

/** Counted in these, shown in seconds. */
export const MILLISECONDS = 1000;
export const MICROSECONDS = 1_000_000;

export function counter(name: string, help: string, labels?: LabelWriter): FamilyDescription {
  return { name, help, type: 'counter', bounds: [], unit: 1, labels };
}

export function gauge(name: string, help: string): FamilyDescription {
  return { name, help, type: 'gauge', bounds: [], unit: 1, labels: undefined };
}

export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  labels?: LabelWriter,
  unit = 1,
): FamilyDescription {
  return { name, help, type: 'histogram', bounds, unit, labels };
}
