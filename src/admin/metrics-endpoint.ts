// /metrics: the Prometheus page, compressed for those who take gzip.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import { type MetricsPage } from '../metrics/registry.js';
import { type AdminEndpoint } from './http.js';

const compress = promisify(gzip);

export function metricsEndpoint(registry: { render(): Promise<MetricsPage> }): AdminEndpoint {
  return async (request) => {
    const page = await registry.render();
    const headers = { 'content-type': page.contentType, vary: 'accept-encoding' };
    if (!(request.header('accept-encoding') ?? '').includes('gzip')) {
      return { status: 200, headers, body: page.text };
    }
    return {
      status: 200,
      headers: { ...headers, 'content-encoding': 'gzip' },
      body: await compress(page.text),
    };
  };
}
