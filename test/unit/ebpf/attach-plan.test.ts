// The choice of the rung from facts and wishes, and what is said about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { AttachCaptureSchema } from '../../../src/dataplane/gen/contract_pb.js';
import { defaultMeshConfig } from '../../../src/config/defaults.js';
import { attachCommand, type CaptureWishes, explain, planCapture } from '../../../src/ebpf/attach-plan.js';
import type { CapabilityFacts } from '../../../src/ebpf/capability-facts.js';
import { aService } from '../../support/mesh-configs.js';

const PARENT = '/sys/fs/cgroup';

const ABLE: CapabilityFacts = {
  platform: 'linux',
  kernel: { release: '6.1.0-25-amd64', major: 6, minor: 1 },
  btf: true,
  cgroup: { mountPoint: PARENT, own: PARENT, writableParent: PARENT, refusal: undefined },
  effective: new Set(['CAP_BPF', 'CAP_NET_ADMIN']),
  bounding: new Set(['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN']),
  unprivilegedBpfDisabled: 2,
  seccompFilter: false,
  lockdown: 'none',
  container: undefined,
  ipv6Loopback: true,
};

const WISHES: CaptureWishes = {
  inboundPorts: [],
  redirectedPort: undefined,
  allowEbpf: true,
  requireEbpf: false,
  refusedByKernel: undefined,
  config: defaultMeshConfig,
};

function missingSubjects(facts: CapabilityFacts, wishes: CaptureWishes): readonly string[] {
  const { findings } = planCapture(facts, wishes);
  return findings.filter(({ state }) => state === 'missing').map(({ subject }) => subject);
}

test('the best rung that facts and wishes allow is chosen', () => {
  const cases: readonly {
    name: string;
    facts?: Partial<CapabilityFacts>;
    wishes?: Partial<CaptureWishes>;
    rung: 1 | 2 | 3;
    missing?: readonly string[];
  }[] = [
    { name: 'everything there', rung: 1 },
    { name: 'kernel 5.9', facts: { kernel: { release: '5.9.0', major: 5, minor: 9 } }, rung: 1 },
    {
      name: 'kernel 5.8',
      facts: { kernel: { release: '5.8.18', major: 5, minor: 8 } },
      rung: 3,
      missing: ['kernel'],
    },
    {
      name: 'kernel 4.19',
      facts: { kernel: { release: '4.19.0', major: 4, minor: 19 } },
      rung: 3,
      missing: ['kernel'],
    },
    { name: 'kernel of unknown version', facts: { kernel: undefined }, rung: 3, missing: ['kernel'] },
    { name: 'CAP_SYS_ADMIN alone', facts: { effective: new Set(['CAP_SYS_ADMIN']) }, rung: 1 },
    {
      name: 'no capability',
      facts: { effective: new Set() },
      rung: 3,
      missing: ['CAP_BPF', 'CAP_NET_ADMIN'],
    },
    {
      name: 'CAP_BPF alone',
      facts: { effective: new Set(['CAP_BPF']) },
      rung: 3,
      missing: ['CAP_NET_ADMIN'],
    },
    { name: 'no cgroup v2', facts: { cgroup: undefined }, rung: 3, missing: ['cgroup v2'] },
    {
      name: 'cgroup v2 read-only',
      facts: { cgroup: { mountPoint: PARENT, own: PARENT, writableParent: undefined, refusal: 'EROFS' } },
      rung: 3,
      missing: ['cgroup v2'],
    },
    {
      name: 'another system',
      facts: { platform: 'darwin', kernel: undefined },
      rung: 3,
      missing: ['system'],
    },
    { name: 'eBPF switched off', wishes: { allowEbpf: false }, rung: 3 },
    {
      name: 'refused by the kernel',
      wishes: { refusedByKernel: 'load connect4: operation not permitted' },
      rung: 3,
      missing: ['attaching'],
    },
    { name: 'redirected by others', wishes: { redirectedPort: 4140 }, rung: 2 },
    {
      name: 'redirected by others, without capabilities',
      facts: { effective: new Set() },
      wishes: { redirectedPort: 4140 },
      rung: 2,
      missing: ['CAP_BPF', 'CAP_NET_ADMIN'],
    },
    { name: 'no kernel BTF', facts: { btf: false }, rung: 1 },
    { name: 'lockdown and seccomp', facts: { lockdown: 'confidentiality', seccompFilter: true }, rung: 1 },
  ];
  for (const { name, facts, wishes, rung, missing = [] } of cases) {
    const seen = { ...ABLE, ...facts };
    const wanted = { ...WISHES, ...wishes };
    const plan = planCapture(seen, wanted);
    assert.equal(plan.rung, rung, name);
    assert.deepEqual(missingSubjects(seen, wanted), missing, name);
    assert.equal(plan.acceptable, true, name);
    const required = planCapture(seen, { ...wanted, requireEbpf: true });
    assert.equal(required.acceptable, rung === 1, `${name}, required`);
  }
});

test('each rung says what it needs to be set up', () => {
  const first = planCapture({ ...ABLE, ipv6Loopback: false }, WISHES);
  assert.ok(first.rung === 1);
  assert.equal(first.cgroupParent, PARENT);
  assert.equal(first.ipv6, false);

  const second = planCapture(ABLE, { ...WISHES, redirectedPort: 4140 });
  assert.ok(second.rung === 2);
  assert.equal(second.redirectedPort, 4140);

  const httpProxy = { ip: '127.0.0.1', port: 3128 };
  const config = { ...defaultMeshConfig, httpProxy };
  const third = planCapture(ABLE, { ...WISHES, allowEbpf: false, config });
  assert.ok(third.rung === 3);
  assert.deepEqual(third.httpProxy, httpProxy);
});

test('everything missing has a remedy that fits the host', () => {
  const remedyOf = (facts: Partial<CapabilityFacts>, subject: string): string => {
    const { findings } = planCapture({ ...ABLE, ...facts }, WISHES);
    return findings.find((finding) => finding.subject === subject)?.remedy ?? '';
  };
  const none = { effective: new Set([]), bounding: new Set([]) };
  assert.match(remedyOf({ effective: new Set() }, 'CAP_BPF'), /run as root/);
  assert.match(remedyOf({ ...none, container: 'docker' }, 'CAP_BPF'), /--cap-add BPF$/);
  assert.match(remedyOf(none, 'CAP_NET_ADMIN'), /bounding set/);
  assert.match(remedyOf({ cgroup: undefined }, 'cgroup v2'), /mount -t cgroup2/);
  const readOnly = { mountPoint: PARENT, own: PARENT, writableParent: undefined, refusal: 'EROFS' };
  assert.match(remedyOf({ cgroup: readOnly, container: 'docker' }, 'cgroup v2'), /in this container/);
  assert.match(remedyOf({ cgroup: readOnly }, 'cgroup v2'), /delegated/);
});

test('the explanation begins with the rung and has a line for each finding', () => {
  const plan = planCapture({ ...ABLE, effective: new Set(['CAP_NET_ADMIN']) }, WISHES);
  const lines = explain(plan);
  assert.equal(lines.length, plan.findings.length + 1);
  assert.match(lines[0] ?? '', /^rung 3: /);
  assert.ok(lines.some((line) => /^missing CAP_BPF: .+ → .+/.test(line)));
  assert.ok(lines.some((line) => line.startsWith('ok      kernel: 6.1.0-25-amd64')));
  assert.match(explain(planCapture(ABLE, WISHES))[0] ?? '', /^rung 1: .*IPv4 and IPv6/);
  assert.match(explain(planCapture(ABLE, { ...WISHES, redirectedPort: 4140 }))[0] ?? '', /^rung 2: .*4140/);
});

test('the command carries listeners, skip lists, virtual addresses and inbound ports', () => {
  const service = aService('web', { addresses: ['10.77.0.10', 'fd00::10'] });
  const wishes: CaptureWishes = {
    ...WISHES,
    inboundPorts: [8080, 9090],
    config: {
      ...defaultMeshConfig,
      services: [service],
      skip: {
        ports: [{ first: 25, last: 26 }],
        networks: [{ ip: '10.0.0.0', prefixLength: 8 }],
        loopback: true,
      },
    },
  };
  const command = create(
    AttachCaptureSchema,
    attachCommand(wishes, {
      cgroupPath: '/sys/fs/cgroup/sluice-1-0',
      outboundV4: { ip: '127.0.0.1', port: 4140 },
      outboundV6: { ip: '::1', port: 4141 },
      inboundListenerIds: [3, 4],
    }),
  );
  assert.equal(command.cgroupPath, '/sys/fs/cgroup/sluice-1-0');
  assert.ok(command.outboundV4 !== undefined);
  assert.deepEqual([...command.outboundV4.ip], [127, 0, 0, 1]);
  assert.equal(command.outboundV4.port, 4140);
  assert.ok(command.outboundV6 !== undefined);
  assert.equal(command.outboundV6.ip.length, 16);
  assert.equal(command.outboundV6.port, 4141);
  assert.deepEqual(
    command.skipOutboundPorts.map(({ first, last }) => [first, last]),
    [[25, 26]],
  );
  assert.deepEqual(
    command.skipOutboundNetworks.map(({ ip, prefixLength }) => [[...ip], prefixLength]),
    [[[10, 0, 0, 0], 8]],
  );
  assert.deepEqual(
    command.captureNetworks.map(({ prefixLength }) => prefixLength),
    [32, 128],
  );
  assert.equal(command.captureLoopback, false);
  assert.deepEqual(command.inboundPorts, [8080, 9090]);
  assert.deepEqual(command.inboundListenerIds, [3, 4]);
});

test('what is not wished for is left out of the command', () => {
  const command = create(
    AttachCaptureSchema,
    attachCommand(
      { ...WISHES, inboundPorts: [8080] },
      {
        cgroupPath: '/x',
        outboundV4: { ip: '127.0.0.1', port: 1 },
        outboundV6: undefined,
        inboundListenerIds: [],
      },
    ),
  );
  assert.equal(command.outboundV6, undefined);
  assert.deepEqual(command.inboundPorts, []);
  assert.deepEqual(command.inboundListenerIds, []);
  assert.equal(command.captureLoopback, true);
});
