// `identity` of the mesh file: what becomes of it, and what is wrong where.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatMeshFileError, parseMeshFile } from '../../../src/config/parse-mesh-file.js';
import type { IdentityConfig } from '../../../src/config/identity-config.js';

function identityOf(text: string): IdentityConfig | undefined {
  const parsed = parseMeshFile(text, 'mesh.yaml');
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.map(formatMeshFileError).join('\n'));
  return parsed.value.identity;
}

test('nobody gets a certificate when the file does not say so', () => {
  assert.equal(identityOf('{}'), undefined);
});

test('short names become those of service accounts, everything else has its default', () => {
  assert.deepEqual(identityOf('identity: { workloads: [{ name: Web.Default, tokenFile: a/b }] }'), {
    trustDomain: 'cluster.local',
    lifetimeMs: 86_400_000,
    workloads: [
      {
        identity: 'web.default.serviceaccount.identity.linkerd.cluster.local',
        token: { kind: 'file', path: 'a/b' },
      },
    ],
  });
});

test('whole names stay as they are', () => {
  const identity = identityOf(`identity:
  trustDomain: mesh.example
  lifetime: 90m
  workloads: [{ name: api.shop.mesh.example, tokenVariable: API_TOKEN }, { name: web.shop, tokenFile: t }]
`);
  assert.equal(identity?.trustDomain, 'mesh.example');
  assert.equal(identity.lifetimeMs, 5_400_000);
  assert.deepEqual(
    identity.workloads.map((workload) => workload.identity),
    ['api.shop.mesh.example', 'web.shop.serviceaccount.identity.linkerd.mesh.example'],
  );
  assert.deepEqual(identity.workloads[0]?.token, { kind: 'variable', name: 'API_TOKEN' });
});

for (const [text, expected] of [
  ['{}', '1:11: identity.workloads is missing'],
  ['{ workloads: [] }', '1:24: identity.workloads needs at least one workload'],
  [
    '{ workloads: [{ name: web.default }] }',
    '1:25: identity.workloads[0] needs exactly one of tokenFile and tokenVariable',
  ],
  [
    '{ workloads: [{ name: web.default, tokenFile: a, tokenVariable: B }] }',
    '1:25: identity.workloads[0] needs exactly one of tokenFile and tokenVariable',
  ],
  [
    '{ workloads: [{ name: web.default, token: secret }] }',
    '1:46: identity.workloads[0].token is not known; known here: name, tokenFile, tokenVariable',
  ],
  [
    '{ workloads: [{ name: a.b.example, tokenFile: a }] }',
    '1:33: identity.workloads[0].name must be SERVICEACCOUNT.NAMESPACE, or a name that ends in .cluster.local',
  ],
  [
    '{ workloads: [{ name: a.b, tokenFile: a }, { name: a.b, tokenFile: b }] }',
    '1:62: identity.workloads[1].name workload a.b.serviceaccount.identity.linkerd.cluster.local is given twice, first at identity.workloads[0].name (line 1)',
  ],
  [
    '{ lifetime: 59s, workloads: [{ name: a.b, tokenFile: a }] }',
    '1:23: identity.lifetime must be 1m or longer',
  ],
  [
    "{ workloads: [{ name: a.b, tokenVariable: 'A B' }] }",
    '1:53: identity.workloads[0].tokenVariable must be the name of an environment variable such as WEB_TOKEN, but is "A B"',
  ],
  [
    "{ workloads: [{ name: a.b, tokenFile: '' }] }",
    '1:49: identity.workloads[0].tokenFile must be the path of a file, but is ""',
  ],
  [
    '{ trustDomain: a b, workloads: [{ name: a.b, tokenFile: a }] }',
    '1:26: identity.trustDomain must be a host name, but is "a b"',
  ],
] as const) {
  test(`identity: ${text} is wrong, and it is said where`, () => {
    const parsed = parseMeshFile(`identity: ${text}`, 'mesh.yaml');
    assert.ok(!parsed.ok);
    assert.deepEqual(parsed.error.map(formatMeshFileError), [`mesh.yaml:${expected}`]);
  });
}
