// How results are shown: one row per work, every proxy beside the others, and the two ratios that
// count: sluice against the better peer, in throughput and in CPU per request.
const PEERS = ['nginx', 'haproxy', 'nghttpx'];

const rate = (row) =>
  row === undefined
    ? '-'
    : row.bytes_per_second !== null
      ? `${(row.bytes_per_second / 1e9).toFixed(2)} GB/s`
      : row.requests_per_second === null
        ? '-'
        : `${Math.round(row.requests_per_second).toLocaleString('en-US')}/s`;
const cpuOf = (row) => row?.cpu_us_per_request ?? row?.cpu_us_per_mib ?? null;
const amountOf = (row) => row?.bytes_per_second ?? row?.requests_per_second ?? null;
const withCpu = (row) => {
  const cpu = cpuOf(row);
  return cpu === null ? rate(row) : `${rate(row)} ${cpu.toFixed(1)} µs`;
};
const ratio = (a, b) => (a === null || b === null || b === 0 ? '-' : `${(a / b).toFixed(2)}×`);
const best = (rows, figure, choose) => {
  const values = rows.map(figure).filter((value) => value !== null);
  return values.length === 0 ? null : choose(...values);
};

function printColumns(table) {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
    );
  }
}

export function printTable(rows) {
  const works = [...new Set(rows.map(({ work }) => work))];
  if (works.length === 0) return;
  const table = [
    [
      'work',
      'direct',
      'nginx',
      'haproxy',
      'nghttpx',
      'sluice',
      'rate : best peer',
      'CPU : best peer',
      'p99 sluice',
      'p99 peer',
    ],
  ];
  let failed = 0;
  for (const work of works) {
    const via = (name) => rows.find((row) => row.work === work && row.via === name);
    const sluice = via('sluice');
    const peers = PEERS.map(via).filter((row) => row !== undefined);
    const p99 = (value) => (value === null || value === undefined ? '-' : `${Math.round(value)} µs`);
    table.push([
      work,
      ...['direct', ...PEERS, 'sluice'].map((name) => withCpu(via(name))),
      ratio(amountOf(sluice), best(peers, amountOf, Math.max)),
      ratio(cpuOf(sluice), best(peers, cpuOf, Math.min)),
      p99(sluice?.p99_us),
      p99(best(peers, (row) => row.p99_us, Math.min)),
    ]);
    failed += rows.filter((row) => row.work === work).reduce((sum, row) => sum + row.failed, 0);
  }
  console.log('\nMedians. µs: CPU of the proxy per request (direct: of the backend); per MiB for bulk.\n');
  printColumns(table);
  if (failed > 0) console.log(`\n${failed} requests failed; see "failed" in the figures.`);
}

// What a request costs when there is more to choose from: the same work with the least and the most.
export function printScale(rows) {
  const sizes = new Map();
  for (const row of rows) {
    const [, what, size] = /^http1-(routes|endpoints)-(\d+)$/.exec(row.work) ?? [];
    if (what !== undefined) sizes.set(what, [...(sizes.get(what) ?? []), { size: Number(size), row }]);
  }
  for (const [what, list] of sizes) {
    const [least, ...others] = list.sort((a, b) => a.size - b.size);
    for (const { size, row } of others) {
      const cpu = ratio(row.cpu_us_per_request, least.row.cpu_us_per_request);
      console.log(`\n${what}: ${least.size} → ${size}: CPU per request ${cpu}`);
    }
  }
}

export function printFootprint(rows) {
  if (rows.length === 0) return;
  console.log('');
  printColumns([['footprint', 'via', 'figure'], ...rows.map(({ work, via, text }) => [work, via, text])]);
}
