// Turns the label set of a series, as the data plane interned it, into names and text. Order and
// names follow linkerd2-proxy: direction, peer, authority, target_*, dst_*, then how it ended.
import {
  Classification,
  Direction,
  Family,
  type Labels,
  Peer,
  Reason,
  type SocketAddress,
} from '../dataplane/gen/contract_pb.js';
import { formatHostPort, formatIp, type HostPort } from '../core/ip.js';
import { reasonName } from '../dataplane/reason-name.js';
import { type TargetDirectory } from '../routing/target-directory.js';
import { type LabelText } from './family-description.js';

/** Label names: letters, digits and underscores (Prometheus data model). */
export function labelName(prefix: 'dst' | 'rt', key: string): string {
  return `${prefix}_${key.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`;
}

function hostPort(address: SocketAddress): HostPort {
  return { ip: formatIp(address.ip), port: address.port };
}

function addTarget(text: Record<string, string>, labels: Labels, targets: TargetDirectory): void {
  const info = labels.targetId === 0 ? undefined : targets.targetInfo(labels.targetId);
  if (info !== undefined && info.authority !== '') text['authority'] = info.authority;
  const reached = labels.targetAddress ?? labels.endpoint;
  if (reached !== undefined) {
    const address = hostPort(reached);
    text['target_addr'] = formatHostPort(address);
    text['target_ip'] = address.ip;
    text['target_port'] = String(address.port);
  }
  if (info === undefined) return;
  const ofTarget =
    labels.endpoint === undefined ? info.labels : info.endpointLabels(hostPort(labels.endpoint));
  for (const [key, value] of Object.entries(ofTarget)) text[labelName('dst', key)] = value;
}

/** Families whose series always say with which errno they ended; empty means none. */
const WITH_ERRNO: ReadonlySet<Family> = new Set([
  Family.TCP_CLOSE_TOTAL,
  Family.TCP_CONNECTION_DURATION_MS,
  Family.ACCEPT_ERRORS_TOTAL,
]);

/** The label names and values of a series, in the order of the page. */
export function labelText(family: Family, labels: Labels, targets: TargetDirectory): LabelText {
  if (labels.overflow) return { overflow: 'true' };
  const text: Record<string, string> = {};
  if (labels.direction !== Direction.DIRECTION_UNSPECIFIED) {
    text['direction'] = labels.direction === Direction.OUTBOUND ? 'outbound' : 'inbound';
  }
  if (labels.peer !== Peer.PEER_UNSPECIFIED) text['peer'] = labels.peer === Peer.SRC ? 'src' : 'dst';
  addTarget(text, labels, targets);
  if (labels.statusCode !== 0) text['status_code'] = String(labels.statusCode);
  if (labels.classification !== Classification.CLASSIFICATION_UNSPECIFIED) {
    text['classification'] = labels.classification === Classification.SUCCESS ? 'success' : 'failure';
  }
  if (family === Family.RESPONSE_TOTAL) text['grpc_status'] = String(labels.grpcStatus ?? '');
  if (labels.reason !== Reason.NONE) text['error'] = reasonName(labels.reason);
  else if (family === Family.RESPONSE_TOTAL) text['error'] = '';
  if (labels.errnoName !== '' || WITH_ERRNO.has(family)) text['errno'] = labels.errnoName;
  if (labels.detected !== '') {
    text[family === Family.TCP_PROTOCOL_CONNECTIONS_TOTAL ? 'protocol' : 'result'] = labels.detected;
  }
  return text;
}
