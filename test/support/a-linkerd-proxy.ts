// `sluice proxy` as a sidecar would run it: a process of its own, configured by its environment, driven by
// a scripted controller that also certifies it.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { Variables } from '../../src/config/environment.js';
import { ACertificateAuthority, aKeyPair, aSigningRequest, pkcs8 } from './a-certificate-authority.js';
import { sluiceWords } from './a-sluice.js';
import { aFolder, Running } from './processes.js';
import { ScriptedController } from './scripted-controller.js';

export const PROXY_IDENTITY = 'web.test.serviceaccount.identity.linkerd.cluster.local';

export interface LinkerdProxyOptions {
  /** Over those of a sidecar whose controllers are the scripted one. */
  readonly env?: Variables;
  /** False: the test answers Certify itself. */
  readonly certify?: boolean;
  readonly wrap?: readonly string[];
}

/** Variables of linkerd2-proxy by their names without its prefix. */
export function linkerdVariables(variables: Variables): Variables {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`LINKERD2_PROXY_${name}`, value]),
  );
}

/** Everything that a sidecar's environment must have, with ports of the kernel's choice. */
export async function sidecarEnvironment(
  t: TestContext,
  controllerPort: number,
): Promise<{ readonly env: Variables; readonly leaf: () => Promise<Uint8Array> }> {
  const folder = await aFolder(t);
  const authority = await ACertificateAuthority.create('root', Date.now());
  const keys = await aKeyPair();
  await writeFile(join(folder, 'csr.der'), await aSigningRequest(keys, PROXY_IDENTITY));
  await writeFile(join(folder, 'key.p8'), await pkcs8(keys));
  await writeFile(join(folder, 'token'), 'the secret token');
  const controller = `localhost.:${String(controllerPort)}`;
  const own: Variables = {
    DESTINATION_SVC_ADDR: controller,
    POLICY_SVC_ADDR: controller,
    POLICY_WORKLOAD: '{"ns":"test", "pod":"web"}\n',
    DESTINATION_CONTEXT: '{"ns":"test", "nodeName":"n", "pod":"web"}\n',
    DESTINATION_PROFILE_NETWORKS: '10.0.0.0/8',
    IDENTITY_SVC_ADDR: controller,
    IDENTITY_TRUST_ANCHORS: authority.pem,
    IDENTITY_LOCAL_NAME: PROXY_IDENTITY,
    IDENTITY_DIR: folder,
    IDENTITY_TOKEN_FILE: join(folder, 'token'),
    INBOUND_LISTEN_ADDR: '127.0.0.1:0',
    OUTBOUND_LISTEN_ADDR: '127.0.0.1:0',
    ADMIN_LISTEN_ADDR: '127.0.0.1:0',
    INBOUND_DEFAULT_POLICY: 'all-unauthenticated',
  };
  return {
    env: linkerdVariables(own),
    leaf: () => authority.leaf(keys, { names: [PROXY_IDENTITY] }),
  };
}

/** A proxy, whoever drives it. */
export class SidecarProxy extends Running {
  constructor(env: Variables, wrap: readonly string[] = []) {
    const [program = process.execPath, ...words] = [...wrap, ...sluiceWords('proxy')];
    super([program, ...words], { env });
  }

  /** `ip:port` of a start-up line. */
  interface(name: 'Admin' | 'Inbound' | 'Outbound'): Promise<string> {
    return this.sees(
      `the ${name} interface`,
      ({ stdout }) => new RegExp(`${name} interface on (\\S+)`).exec(stdout)?.[1],
    );
  }

  /** A line of the log that matches, now or later. */
  logged(pattern: RegExp): Promise<string> {
    return this.sees(String(pattern), ({ stdout }) => stdout.split('\n').find((line) => pattern.test(line)));
  }

  async admin(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`http://${await this.interface('Admin')}${path}`, init);
  }
}

export class LinkerdProxy extends SidecarProxy {
  readonly controller: ScriptedController;
  readonly #leaf: () => Promise<Uint8Array>;

  private constructor(
    env: Variables,
    wrap: readonly string[],
    controller: ScriptedController,
    leaf: () => Promise<Uint8Array>,
  ) {
    super(env, wrap);
    this.controller = controller;
    this.#leaf = leaf;
  }

  /** Answers when its ports are known, and with `certify` when it serves. */
  static async start(t: TestContext, options: LinkerdProxyOptions = {}): Promise<LinkerdProxy> {
    const controller = await ScriptedController.start(t);
    const { env, leaf } = await sidecarEnvironment(t, controller.port);
    const proxy = new LinkerdProxy({ ...env, ...options.env }, options.wrap ?? [], controller, leaf);
    t.after(() => proxy.stop());
    await proxy.interface('Outbound');
    if (options.certify === false) return proxy;
    controller.on('Certify', (call) => void proxy.answerCertify(call));
    await proxy.logged(/Certified identity/);
    return proxy;
  }

  async answerCertify(call: Awaited<ReturnType<ScriptedController['next']>>): Promise<void> {
    assert.equal(call.method, 'Certify');
    const validUntil = { seconds: BigInt(Math.floor(Date.now() / 1000) + 24 * 60 * 60) };
    (call as { send(message: unknown): void }).send({ leafCertificate: await this.#leaf(), validUntil });
    call.end();
  }
}
