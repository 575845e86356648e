// Upper bounds of all histograms, in the units that the data plane counts in; without +Inf. Those of
// families that linkerd2-proxy has are its own.

const LATENCY_MS: readonly number[] = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000,
  30_000, 40_000, 50_000,
];

export const METRIC_BOUNDS = {
  latencyMs: LATENCY_MS,
  /** Of `tcp_connection_duration_ms`: the same, so that one dashboard panel fits both. */
  durationMs: LATENCY_MS,
  routeDurationMs: [50, 500, 1000, 10_000],
  backendDurationMs: [25, 50, 100, 250, 500, 1000, 10_000],
  frameBytes: [128, 1024, 10_240],
  detectDurationUs: [1000, 100_000],
} as const satisfies Readonly<Record<string, readonly number[]>>;
