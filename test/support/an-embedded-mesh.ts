// `sluice controller` and a `sluice proxy` that it drives and certifies: what people have without a cluster.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { Variables } from '../../src/config/environment.js';
import { aController, type Controller } from './a-controller.js';
import { linkerdVariables, SidecarProxy } from './a-linkerd-proxy.js';
import { aFolder, output } from './processes.js';
import { signingRequest } from './workload-keys.js';

const WORKLOAD = 'web.default.serviceaccount.identity.linkerd.cluster.local';

export interface EmbeddedMeshOptions {
  /** The mesh file, without `identity`. */
  readonly config: string;
  /** Beside what every proxy of the controller has; names without their prefix. */
  readonly proxy: Variables;
  /** Own variables of the proxy, with their prefix. */
  readonly own?: Variables;
  readonly wrap?: readonly string[];
}

export interface EmbeddedMesh {
  readonly controller: Controller;
  readonly proxy: SidecarProxy;
  /** Replaces the mesh file. */
  edit(config: string): Promise<void>;
}

/** Answers when the proxy is certified. */
export async function anEmbeddedMesh(t: TestContext, options: EmbeddedMeshOptions): Promise<EmbeddedMesh> {
  const { wrap = [] } = options;
  const folder = await aFolder(t);
  await writeFile(join(folder, 'token'), 'the-token-of-web');
  const withIdentity = (config: string): string =>
    `${config}\nidentity: { workloads: [{ name: web.default, tokenFile: '${join(folder, 'token')}' }] }\n`;
  const controller = await aController(t, { config: withIdentity(options.config), wrap });
  const env = await environmentOf(folder, controller);
  const proxy = new SidecarProxy({ ...env, ...linkerdVariables(options.proxy), ...options.own }, wrap);
  t.after(() => proxy.stop());
  await proxy.logged(/Certified identity/);
  return {
    controller,
    proxy,
    edit: (config) => controller.edit(withIdentity(config)),
  };
}

async function environmentOf(folder: string, controller: Controller): Promise<Variables> {
  const identity = join(folder, 'identity');
  await mkdir(identity);
  await writeFile(
    join(identity, 'csr.der'),
    await signingRequest(folder, 'web', { names: [`DNS:${WORKLOAD}`] }),
  );
  const key = ['-in', join(folder, 'web.pem'), '-out', join(identity, 'key.p8')];
  await output(['openssl', 'pkcs8', '-topk8', '-nocrypt', '-outform', 'DER', ...key]);
  const { address } = controller;
  return linkerdVariables({
    DESTINATION_SVC_ADDR: address,
    POLICY_SVC_ADDR: address,
    IDENTITY_SVC_ADDR: address,
    POLICY_WORKLOAD: '{"ns":"default", "pod":"web"}',
    IDENTITY_TRUST_ANCHORS: await readFile(join(controller.folder, 'ca', 'ca.crt'), 'utf8'),
    IDENTITY_LOCAL_NAME: WORKLOAD,
    IDENTITY_DIR: identity,
    IDENTITY_TOKEN_FILE: join(folder, 'token'),
    INBOUND_DEFAULT_POLICY: 'all-unauthenticated',
  });
}
