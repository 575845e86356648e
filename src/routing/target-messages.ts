// Targets and endpoints as messages of the border. Decides nothing.
import type { MessageInitShape } from '@bufbuild/protobuf';

import { type EndpointSchema, type PutTargetSchema, TargetKind } from '../dataplane/gen/contract_pb.js';
import { toSocketAddress } from './border-values.js';
import type { EndpointDescription } from './route-description.js';
import { endpointSettings } from './target-endpoint-settings.js';
import type { ReachSettings, TargetSpec } from './target-spec.js';

/** `reach`: for targets that say nothing of their own. */
export function targetMessage(
  id: number,
  spec: TargetSpec,
  reach: ReachSettings,
): MessageInitShape<typeof PutTargetSchema> {
  return {
    id,
    authority: spec.authority,
    labels: { ...spec.labels },
    kind: spec.kind === 'forward' ? TargetKind.FORWARD : TargetKind.BALANCE,
    ...endpointSettings(spec),
    ...(spec.reach ?? reach),
    ...(spec.source === undefined ? {} : { source: toSocketAddress({ ip: spec.source, port: 0 }) }),
  };
}

export function endpointMessage(endpoint: EndpointDescription): MessageInitShape<typeof EndpointSchema> {
  const { address, weight, labels, takesOrigProto, authorityOverride, http2Keepalive } = endpoint;
  return {
    address: toSocketAddress(address),
    weight,
    labels: { ...labels },
    ...(takesOrigProto === undefined ? {} : { takesOrigProto }),
    ...(authorityOverride === undefined ? {} : { authorityOverride }),
    ...(http2Keepalive === undefined ? {} : { http2Keepalive: { ...http2Keepalive } }),
  };
}
