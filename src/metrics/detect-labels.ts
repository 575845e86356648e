// Labels of the families about detection: the results that linkerd2-proxy tells apart.
import type { Labels } from '../dataplane/gen/contract_pb.js';
import type { LabelText } from './family-description.js';

const LINKERD_RESULTS: ReadonlySet<string> = new Set(['http/1', 'http/2', 'read_timeout', 'error']);

export function detectResultText({ overflow, detected }: Labels): LabelText {
  if (overflow) return { overflow: 'true' };
  // Whatever else it was: TLS, a server that spoke first, a client that said nothing.
  return { result: LINKERD_RESULTS.has(detected) ? detected : 'not_http' };
}

export function detectDurationText({ overflow }: Labels): LabelText {
  return overflow ? { overflow: 'true' } : {};
}

export function protocolText({ overflow, detected }: Labels): LabelText {
  return overflow ? { overflow: 'true' } : { protocol: detected };
}
