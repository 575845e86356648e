// Labels of the families about routes of ServiceProfiles, in linkerd2-proxy's names and order: `direction`,
// `dst` (the profile), `rt_*` (what it says of the route, by name), and how it ended in its words.
import { Classification, Direction, type Labels, Reason } from '../dataplane/gen/contract_pb.js';
import type { RouteDirectory } from '../routing/route-directory.js';
import type { LabelText, LabelWriter } from './family-description.js';
import { labelName } from './labels.js';

const OVERFLOW: LabelText = { overflow: 'true' };

function ofProfile({ direction, routeId }: Labels, routes: RouteDirectory): LabelText {
  const profile = routes.routeInfo(routeId)?.profile;
  const text: Record<string, string> = {
    direction: direction === Direction.INBOUND ? 'inbound' : 'outbound',
    dst: profile?.dst ?? '',
  };
  const labels = Object.entries(profile?.labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key, value] of labels) text[labelName('rt', key)] = value;
  return text;
}

export const profileText: LabelWriter = (labels, directory) =>
  labels.overflow ? OVERFLOW : ofProfile(labels, directory);

/** Absent where nobody has responded. */
function statusCode({ statusCode: status }: Labels): LabelText {
  return status === 0 ? {} : { status_code: String(status) };
}

export const profileLatencyText: LabelWriter = (labels, directory) =>
  labels.overflow ? OVERFLOW : { ...ofProfile(labels, directory), ...statusCode(labels) };

/** Anything else is `unclassified`. */
const PROFILE_ERRORS: Readonly<Partial<Record<Reason, string>>> = {
  [Reason.NONE]: '',
  [Reason.ROUTE_TIMEOUT]: 'timeout',
  [Reason.REQUEST_TIMEOUT]: 'timeout',
  [Reason.RESPONSE_TIMEOUT]: 'timeout',
  [Reason.RESPONSE_HEADERS_TIMEOUT]: 'timeout',
  [Reason.STREAM_IDLE_TIMEOUT]: 'timeout',
};

export const profileResponseText: LabelWriter = (labels, directory) =>
  labels.overflow
    ? OVERFLOW
    : {
        ...ofProfile(labels, directory),
        ...statusCode(labels),
        classification: labels.classification === Classification.SUCCESS ? 'success' : 'failure',
        grpc_status: String(labels.grpcStatus ?? ''),
        error: PROFILE_ERRORS[labels.reason] ?? 'unclassified',
      };

export const profileRetryText: LabelWriter = (labels, directory) =>
  labels.overflow
    ? OVERFLOW
    : { ...ofProfile(labels, directory), ...(labels.noBudget ? { skipped: 'no_budget' } : {}) };
