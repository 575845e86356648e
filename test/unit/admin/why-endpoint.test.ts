// /why.json: filters in the query, and what it answers to bad ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type AdminRequest } from '../../../src/admin/http.js';
import { whyEndpoint } from '../../../src/admin/why-endpoint.js';
import { type FailureFilter } from '../../../src/why/failure-filter.js';
import { aRecord } from '../../support/failures.js';

const SELECTION = { failures: [aRecord()], matching: 1, remembered: 1, forgotten: 0, lost: 0 };

interface Outcome {
  status: number;
  body: unknown;
  filters: FailureFilter[];
}

async function why(query?: string, method = 'GET'): Promise<Outcome> {
  const filters: FailureFilter[] = [];
  const endpoint = whyEndpoint({
    select: (filter) => {
      filters.push(filter);
      return SELECTION;
    },
  });
  const request: AdminRequest = { method, query, header: () => undefined, fromLoopback: false, body: '' };
  const { status, body } = await endpoint(request);
  return { status, body: body === undefined ? undefined : JSON.parse(body as string), filters };
}

test('without a query it answers the latest failures', async () => {
  const { status, body, filters } = await why();
  assert.equal(status, 200);
  assert.deepEqual(body, JSON.parse(JSON.stringify(SELECTION)));
  assert.equal(filters.length, 1);
});

test('filters are decoded', async () => {
  const { filters } = await why(
    'reason=fail_fast&service=web%3A80&destination=%5B%3A%3A1%5D%3A80&since=30s&limit=5',
  );
  assert.deepEqual(filters, [
    { reason: 'fail_fast', service: 'web:80', destination: '[::1]:80', sinceMs: 30_000, limit: 5 },
  ]);
});

for (const [query, message] of [
  ['since=soon', 'since: "soon" is not a duration, such as 30s or 5m'],
  ['limit', 'limit needs a value: a whole number from 1 to 1000'],
  ['sinse=3s', 'unknown parameter "sinse"; did you mean since?'],
  ['xyzzy=3', 'unknown parameter "xyzzy"; known are reason, service, destination, since, limit'],
  ['__proto__=3', 'unknown parameter "__proto__"; known are reason, service, destination, since, limit'],
  ['limit=1&limit=2', 'limit is given twice'],
] as const) {
  test(`refused with 400: ${query}`, async () => {
    const { status, body, filters } = await why(query);
    assert.deepEqual([status, body, filters], [400, { error: message, status: 400 }, []]);
  });
}

test('several mistakes are told together', async () => {
  const { body } = await why('since=soon&limit=0&reason=x');
  assert.match((body as { error: string }).error, /^reason: .*; since: .*; limit: /);
});

test('another method is refused', async () => {
  assert.equal((await why('', 'POST')).status, 405);
});
