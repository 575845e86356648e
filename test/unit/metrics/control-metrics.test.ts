// The control plane on the metrics page.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ControlCounters } from '../../../src/control/control-counters.js';
import { controllerAddress } from '../../../src/control/controller-address.js';
import { ControlMetrics } from '../../../src/metrics/control-metrics.js';

const ADDR = 'controller.example:8086';

/** `name{label="value"} value` of every sample. */
function lines(metrics: ControlMetrics): readonly string[] {
  return metrics.collect().flatMap(({ values }) =>
    values.map(({ metricName, labels, value }) => {
      const text = Object.entries(labels).map(([name, label]) => `${name}="${label}"`);
      return `${metricName}{${text.join()}} ${String(value)}`;
    }),
  );
}

function controller(counters: ControlCounters, host = 'controller.example.'): ControlMetrics {
  const picture = { ready: 2, pending: 1, waiting: 3 };
  return new ControlMetrics([
    { client: 'destination', address: controllerAddress(host, 8086), counters, picture: () => picture },
  ]);
}

test('RPCs are shown with how they ended', () => {
  const counters = new ControlCounters();
  counters.requests = 3;
  counters.ended({ responded: true, code: 0, latencyMs: 7 });
  counters.ended({ responded: true, code: 14, latencyMs: 60_000 });
  counters.ended({ responded: false, code: 14, latencyMs: 1 });
  counters.ended({ responded: true, code: undefined, latencyMs: 1 });
  counters.ended({ responded: false, code: undefined, latencyMs: 1 });
  const shown = lines(controller(counters));
  const labels = `addr="${ADDR}",tls="no_identity",no_tls_reason="not_provided_by_service_discovery"`;
  for (const expected of [
    `control_request_total{${labels}} 3`,
    `control_response_total{${labels},status_code="200",classification="success",grpc_status="0",error=""} 1`,
    `control_response_total{${labels},status_code="200",classification="failure",grpc_status="14",error=""} 1`,
    `control_response_total{${labels},classification="failure",grpc_status="",error="unclassified"} 1`,
    `control_response_total{${labels},status_code="200",classification="success",grpc_status="2",error=""} 1`,
    `control_response_latency_ms_bucket{${labels},status_code="200",le="5"} 1`,
    `control_response_latency_ms_bucket{${labels},status_code="200",le="10"} 2`,
    `control_response_latency_ms_bucket{${labels},status_code="200",le="50000"} 2`,
    `control_response_latency_ms_bucket{${labels},status_code="200",le="+Inf"} 3`,
    `control_response_latency_ms_count{${labels},status_code="200"} 3`,
    `control_response_latency_ms_sum{${labels},status_code="200"} 60008`,
    `control_response_latency_ms_count{${labels}} 1`,
  ]) {
    assert.ok(shown.includes(expected), expected);
  }
});

test('a controller on this host is one that needs no TLS', () => {
  const counters = new ControlCounters();
  counters.requests = 1;
  assert.ok(
    lines(controller(counters, '127.0.0.1')).includes(
      'control_request_total{addr="127.0.0.1:8086",tls="no_identity",no_tls_reason="loopback"} 1',
    ),
  );
});

test('balancers and name look-ups are shown from the beginning, RPCs once there are any', () => {
  assert.deepEqual(lines(controller(new ControlCounters())), [
    `control_destination_balancer_p2c_endpoints{addr="${ADDR}"} 3`,
    `control_destination_balancer_p2c_updates_total{op="Reset",addr="${ADDR}"} 0`,
    `control_destination_balancer_p2c_updates_total{op="Add",addr="${ADDR}"} 0`,
    `control_destination_balancer_p2c_updates_total{op="Remove",addr="${ADDR}"} 0`,
    `control_destination_balancer_queue_length{addr="${ADDR}"} 3`,
    `control_destination_balancer_queue_requests_total{addr="${ADDR}"} 0`,
    `control_destination_balancer_endpoints{endpoint_state="ready",addr="${ADDR}"} 2`,
    `control_destination_balancer_endpoints{endpoint_state="pending",addr="${ADDR}"} 1`,
    'control_dns_resolutions_total{client="destination",record_type="A/AAAA",result="ok"} 0',
    'control_dns_resolutions_total{client="destination",record_type="A/AAAA",result="not_found"} 0',
    'control_dns_resolutions_total{client="destination",record_type="SRV",result="ok"} 0',
    'control_dns_resolutions_total{client="destination",record_type="SRV",result="not_found"} 0',
  ]);
});

test('the certificate of this proxy is shown where there is one to have', () => {
  const counts = { ok: 2, error: 1, expirationSeconds: 1_900_000_000, refreshSeconds: 1_800_000_000.5 };
  assert.deepEqual(lines(new ControlMetrics([], () => counts)), [
    'control_identity_cert_expiration_timestamp_seconds{} 1900000000',
    'control_identity_cert_refresh_timestamp_seconds{} 1800000000.5',
    'control_identity_cert_refreshes_total{result="ok"} 2',
    'control_identity_cert_refreshes_total{result="error"} 1',
  ]);
});
