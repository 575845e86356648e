// The environment with which a proxy uses this controller (reference, proxy behaviour §1.3, §1.9). What
// is of the one proxy (its workload, its identity, its key) is explained in docs/controller.md.
import { formatHostPort, type HostPort, isUnspecified } from '../core/ip.js';

/** `anchorsFile` is undefined when nobody gets certificates. */
export function variablesForProxies(
  listening: HostPort,
  anchorsFile: string | undefined,
): Readonly<Record<string, string>> {
  // On every address: proxies of this host reach it on loopback.
  const loopback = listening.ip === '::' ? '::1' : '127.0.0.1';
  const ip = isUnspecified(listening.ip) ? loopback : listening.ip;
  const address = formatHostPort({ ip, port: listening.port });
  const services = {
    LINKERD2_PROXY_DESTINATION_SVC_ADDR: address,
    LINKERD2_PROXY_POLICY_SVC_ADDR: address,
  };
  if (anchorsFile === undefined) return services;
  return {
    ...services,
    LINKERD2_PROXY_IDENTITY_SVC_ADDR: address,
    // The variable has the text itself; a shell puts it there.
    LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS: `$(cat ${anchorsFile})`,
  };
}
