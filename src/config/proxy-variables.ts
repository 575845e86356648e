// Every environment variable of `sluice proxy`, in the sections and the order of docs/environment.md.
import { type ProxyVariable } from './proxy-variable.js';
import { OWN_VARIABLES } from './proxy-variables-own.js';
import {
  DNS_VARIABLES,
  LISTENER_VARIABLES,
  LOG_VARIABLES,
  PROCESS_VARIABLES,
  TAP_VARIABLES,
  TRACE_VARIABLES,
} from './proxy-variables-process.js';
import { DESTINATION_VARIABLES, IDENTITY_VARIABLES, POLICY_VARIABLES } from './proxy-variables-services.js';
import { HTTP2_CLIENT_VARIABLES } from './proxy-variables-http2.js';
import { INBOUND_VARIABLES, OUTBOUND_VARIABLES } from './proxy-variables-sides.js';

function isVariable(node: object): node is ProxyVariable<unknown> {
  return 'grammar' in node;
}

/** The variables of a table, those in groups of their own included. */
function leaves(table: object): readonly ProxyVariable<unknown>[] {
  return Object.values(table).flatMap((node: object) => (isVariable(node) ? [node] : leaves(node)));
}

export interface VariableSection {
  readonly title: string;
  readonly variables: readonly ProxyVariable<unknown>[];
}

export const PROXY_VARIABLE_SECTIONS: readonly VariableSection[] = [
  { title: 'Listeners', variables: leaves(LISTENER_VARIABLES) },
  { title: 'Process', variables: leaves(PROCESS_VARIABLES) },
  { title: 'Logs', variables: leaves(LOG_VARIABLES) },
  { title: 'Incoming traffic', variables: leaves(INBOUND_VARIABLES) },
  { title: 'Outgoing traffic', variables: leaves(OUTBOUND_VARIABLES) },
  { title: 'HTTP/2 to servers', variables: leaves(HTTP2_CLIENT_VARIABLES) },
  { title: 'Discovery', variables: leaves(DESTINATION_VARIABLES) },
  { title: 'Policy', variables: leaves(POLICY_VARIABLES) },
  { title: 'Identity', variables: leaves(IDENTITY_VARIABLES) },
  { title: 'Tap', variables: leaves(TAP_VARIABLES) },
  { title: 'Tracing', variables: leaves(TRACE_VARIABLES) },
  { title: 'Name system', variables: leaves(DNS_VARIABLES) },
  { title: 'Own settings', variables: leaves(OWN_VARIABLES) },
];

export const PROXY_VARIABLES: readonly ProxyVariable<unknown>[] = PROXY_VARIABLE_SECTIONS.flatMap(
  ({ variables }) => variables,
);
