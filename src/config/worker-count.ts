// How many workers the data plane of `sluice proxy` has (reference, proxy behaviour §1.4).
import { type CoresConfig } from './proxy-config.js';

/** The upper bound, else the rounded part of the processors, else 1; at least the lower bound, and never
 * more than there are processors. */
export function workerCount({ min, max, maxRatio }: CoresConfig, processors: number): number {
  const wanted = max ?? (maxRatio === undefined ? 1 : Math.round(processors * maxRatio));
  return Math.min(Math.max(wanted, min ?? 1, 1), Math.max(processors, 1));
}
