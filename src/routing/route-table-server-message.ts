// What is asked of the clients of an inbound port as the message of the border. Decides nothing.
import type { MessageInitShape } from '@bufbuild/protobuf';

import { ipBytes, type Network } from '../core/ip.js';
import {
  type AuthorizationSchema,
  ClientAuthentication,
  type NetworkSchema,
  type ServerPolicySchema,
} from '../dataplane/gen/contract_pb.js';
import type { TableAuthorization, TableServer } from './route-table.js';

export function serverMessage(server: TableServer): MessageInitShape<typeof ServerPolicySchema> {
  const { id, name, authorizations, rateLimit } = server;
  return {
    id,
    name,
    authorizations: authorizations.map(authorizationMessage),
    ...(rateLimit === undefined
      ? {}
      : {
          rateLimit: {
            id: rateLimit.id,
            totalPerSecond: rateLimit.total,
            identityPerSecond: rateLimit.perIdentity,
            overrides: rateLimit.overrides.map(({ perSecond, identities }) => ({
              perSecond,
              identities: [...identities],
            })),
          },
        }),
  };
}

const AUTHENTICATIONS = {
  anyone: ClientAuthentication.ANYONE,
  meshTls: ClientAuthentication.MESH_TLS,
  identity: ClientAuthentication.IDENTITY,
} as const;

function authorizationMessage(
  authorization: TableAuthorization,
): MessageInitShape<typeof AuthorizationSchema> {
  const { id, name, networks, authentication, audit } = authorization;
  const who =
    authentication.kind === 'identity'
      ? {
          identities: [...authentication.identities],
          identitySuffixes: [...authentication.suffixes],
        }
      : {};
  return {
    id,
    name,
    networks: networks.map(({ network, except }) => ({
      network: networkMessage(network),
      except: except.map(networkMessage),
    })),
    authentication: AUTHENTICATIONS[authentication.kind],
    ...who,
    audit,
  };
}

function networkMessage({ ip, prefixLength }: Network): MessageInitShape<typeof NetworkSchema> {
  return { ip: ipBytes(ip), prefixLength };
}
