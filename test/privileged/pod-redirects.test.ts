// `sluice proxy` in a pod as linkerd-init or the CNI plug-in prepares one: a network namespace with
// redirects of nftables or iptables (reference, control plane §8), driven by `sluice controller`. Needs
// root; says so and skips otherwise.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { anEmbeddedMesh, type EmbeddedMesh } from '../support/an-embedded-mesh.js';
import { aReplica } from '../support/a-replica.js';
import { meshFile } from '../support/mesh-file-text.js';
import { aPairOfNamespaces, canMakeNamespaces, type Namespace } from '../support/privileges.js';
import { aFolder, output, run, type Scope, start } from '../support/processes.js';

const FAMILIES = ['ipv4', 'ipv6'] as const;
type Family = (typeof FAMILIES)[number];

const INBOUND = 4143;
const OUTBOUND = 4140;
const ADMIN = 4191;
/** The application's user; the proxy's own connections, of another user, are not redirected. */
const APPLICATION = 65534;
const SKIPPED_PORT = 4567;

const VIRTUAL = { ipv4: '198.51.100.7', ipv6: '2001:db8::7' } as const;

/** The rules of linkerd-init, with the application's user in place of everybody but the proxy's. */
const REDIRECTS: Readonly<Record<string, (pod: Namespace, family: Family) => Promise<void>>> = {
  nftables: async ({ wrap }) => {
    const rules = `table inet linkerd {
  chain in { type nat hook prerouting priority -100;
    tcp dport { 4190, ${String(ADMIN)}, ${String(SKIPPED_PORT)} } return
    meta l4proto tcp redirect to :${String(INBOUND)}
  }
  chain out { type nat hook output priority -100;
    meta skuid != ${String(APPLICATION)} return
    oifname lo return
    tcp dport { ${String(SKIPPED_PORT)} } return
    meta l4proto tcp redirect to :${String(OUTBOUND)}
  }
}`;
    await output([...wrap, 'nft', rules]);
  },
  iptables: async ({ wrap }, family) => {
    const iptables = async (...rule: readonly string[]): Promise<void> => {
      const program = family === 'ipv4' ? 'iptables' : 'ip6tables';
      await output([...wrap, program, '-w', '-t', 'nat', ...rule]);
    };
    await iptables('-N', 'IN');
    await iptables(
      '-A',
      'IN',
      '-p',
      'tcp',
      '-m',
      'multiport',
      '--dports',
      `4190,${String(ADMIN)},${String(SKIPPED_PORT)}`,
      '-j',
      'RETURN',
    );
    await iptables('-A', 'IN', '-p', 'tcp', '-j', 'REDIRECT', '--to-port', String(INBOUND));
    await iptables('-A', 'PREROUTING', '-j', 'IN');
    await iptables('-N', 'OUT');
    await iptables('-A', 'OUT', '-m', 'owner', '!', '--uid-owner', String(APPLICATION), '-j', 'RETURN');
    await iptables('-A', 'OUT', '-o', 'lo', '-j', 'RETURN');
    await iptables('-A', 'OUT', '-p', 'tcp', '--dport', String(SKIPPED_PORT), '-j', 'RETURN');
    await iptables('-A', 'OUT', '-p', 'tcp', '-j', 'REDIRECT', '--to-port', String(OUTBOUND));
    await iptables('-A', 'OUTPUT', '-j', 'OUT');
  },
};

function hostOf(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

/** Answers each HTTP request with the address of the client as it sees it. */
async function anApplication(t: Scope, { wrap }: Namespace, ip: string): Promise<number> {
  const file = join(await aFolder(t), 'server.cjs');
  await writeFile(
    file,
    `const server = require('node:http').createServer((q, a) => a.end('from ' + q.socket.remoteAddress));
server.listen(0, '${ip}', () => console.log('port ' + server.address().port));`,
  );
  const server = start(t, [...wrap, process.execPath, file]);
  return Number(await server.sees('its port', ({ stdout }) => /^port (\d+)$/m.exec(stdout)?.[1]));
}

async function aPod(t: TestContext, pod: Namespace, family: Family, config: string): Promise<EmbeddedMesh> {
  const loopback = family === 'ipv4' ? '127.0.0.1' : '[::1]';
  const any = family === 'ipv4' ? '0.0.0.0' : '[::]';
  return anEmbeddedMesh(t, {
    config,
    wrap: pod.wrap,
    proxy: {
      INBOUND_LISTEN_ADDR: `${any}:${String(INBOUND)}`,
      OUTBOUND_LISTEN_ADDRS: `${loopback}:${String(OUTBOUND)}`,
      ADMIN_LISTEN_ADDR: `${loopback}:${String(ADMIN)}`,
      INBOUND_IPS: `${pod.ipv4},${pod.ipv6}`,
    },
  });
}

async function metrics({ wrap }: Namespace, family: Family): Promise<string> {
  const loopback = family === 'ipv4' ? '127.0.0.1' : '[::1]';
  return output([...wrap, 'curl', '-sS', '-m', '10', `http://${loopback}:${String(ADMIN)}/metrics`]);
}

for (const [kind, redirect] of Object.entries(REDIRECTS)) {
  for (const family of FAMILIES) {
    test(`connections that ${kind} redirects leave and arrive through the proxy: ${family}`, async (t) => {
      if (!(await canMakeNamespaces(t))) return;
      const [pod, outside] = await aPairOfNamespaces(t);
      const far = await aReplica(t, 'far', { ip: hostOf(outside[family]), port: 8080, wrap: outside.wrap });
      const config = meshFile({ web: { addresses: [VIRTUAL[family]], endpoints: [far.address] } });
      const port = await anApplication(t, pod, family === 'ipv4' ? '0.0.0.0' : '::');
      const mesh = await aPod(t, pod, family, config);
      await mesh.proxy.interface('Outbound');
      // Virtual addresses must have a way out of the pod, as those of a cluster have.
      await output([
        ...pod.wrap,
        'ip',
        ...(family === 'ipv6' ? ['-6'] : []),
        'route',
        'add',
        'default',
        'dev',
        'cable',
      ]);
      await redirect(pod, family);

      const asApplication = ['setpriv', '--reuid', String(APPLICATION), '--clear-groups'];
      const curl = ['curl', '-sS', '--fail', '-m', '10'];
      assert.match(
        await output([...pod.wrap, ...asApplication, ...curl, `http://${hostOf(VIRTUAL[family])}/`]),
        /replica far/,
      );

      const seen = await output([...outside.wrap, ...curl, `http://${hostOf(pod[family])}:${String(port)}/`]);
      assert.match(seen, /^from /);
      assert.doesNotMatch(
        seen,
        new RegExp(`${outside[family].replaceAll('.', '\\.')}$`),
        'it did not come through the proxy',
      );

      const page = await metrics(pod, family);
      assert.match(
        page,
        new RegExp(`request_total\\{direction="outbound"[^}]*target_ip="${hostOfLabel(outside[family])}"`),
      );
      assert.match(page, new RegExp(`request_total\\{direction="inbound"[^}]*target_port="${String(port)}"`));
    });
  }
}

function hostOfLabel(ip: string): string {
  return ip.replaceAll('.', '\\.');
}

test('a connection to the proxy that nobody redirected is refused', async (t) => {
  if (!(await canMakeNamespaces(t))) return;
  const [pod] = await aPairOfNamespaces(t);
  await aPod(t, pod, 'ipv4', meshFile({ web: { endpoints: [] } }));
  const ended = await run([...pod.wrap, 'curl', '-sS', '-m', '10', `http://127.0.0.1:${String(OUTBOUND)}/`]);
  assert.notEqual(ended.code, 0);
});
