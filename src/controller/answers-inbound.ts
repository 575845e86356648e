// InboundServerPolicies: what a port of a workload accepts. A mesh file restricts nobody, so everything is
// permitted without authentication, under the name that such a default has in a cluster.
import { create } from '@bufbuild/protobuf';

import { fromMilliseconds } from '../api/duration-values.js';
import { type Server, ServerSchema } from '../api/gen/inbound_pb.js';
import { fromIpAddress } from '../api/net-values.js';
import { LARGEST_PORT } from '../core/ip.js';
import { containsPort } from '../core/ports.js';
import { type Answer, answered, refused, StatusCode } from './answer.js';
import { defaultMetadata } from './answers-metadata.js';
import type { MeshView } from './mesh-view.js';

const NAME = 'all-unauthenticated';

export function inboundAnswer({ config }: MeshView, port: number): Answer<Server> {
  if (port < 1 || port > LARGEST_PORT) {
    return refused(StatusCode.INVALID_ARGUMENT, `port ${String(port)} is not from 1 to 65535`);
  }
  const networks = ['0.0.0.0', '::'].map((ip) => ({ net: { ip: fromIpAddress(ip), prefixLen: 0 } }));
  const detect = { timeout: fromMilliseconds(config.timeouts.detectMs) };
  return answered(
    create(ServerSchema, {
      protocol: {
        kind: containsPort(config.opaquePorts, port)
          ? { case: 'opaque', value: {} }
          : { case: 'detect', value: detect },
      },
      authorizations: [
        {
          networks,
          authentication: { permit: { case: 'unauthenticated', value: {} } },
          metadata: defaultMetadata(NAME),
        },
      ],
      labels: { group: '', kind: 'default', name: NAME },
    }),
  );
}
