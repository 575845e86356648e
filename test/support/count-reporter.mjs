// A reporter of node:test that writes one JSON line per finished test, for scripts/run-suites.mjs:
// {outcome: "passed" | "failed" | "skipped", name, file, reason?}. Suites (describe) are not tests; a
// file that ran no test is not a passed test.
import { basename } from 'node:path';

// With isolation each file is itself reported as a test of its own path: only its failure counts.
const isFileItself = (data) =>
  data.nesting === 0 && data.file !== undefined && (data.name === data.file || data.file.endsWith(data.name));

function outcomeOf(type, data) {
  if (data.details?.type === 'suite') {
    // A describe body that throws fails without any test inside having failed.
    return type === 'test:fail' && data.details.error?.failureType !== 'subtestsFailed'
      ? 'failed'
      : undefined;
  }
  if (data.skip !== undefined && data.skip !== false) return 'skipped';
  if (data.todo !== undefined && data.todo !== false) return 'skipped';
  if (type === 'test:fail') {
    return data.details?.error?.failureType === 'subtestsFailed' ? undefined : 'failed';
  }
  return isFileItself(data) ? undefined : 'passed';
}

export default async function* countReporter(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const outcome = outcomeOf(type, data);
    if (outcome === undefined) continue;
    const reason = typeof data.skip === 'string' ? data.skip : undefined;
    yield `${JSON.stringify({ outcome, name: data.name, file: basename(data.file ?? ''), reason })}\n`;
  }
}
