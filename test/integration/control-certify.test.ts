// Certification over real sockets: a fresh connection for each attempt, and a certificate in the end.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import * as grpc from '@grpc/grpc-js';

import { RemoteCertifyClient } from '../../src/control/certify-client.js';
import { ControlCounters } from '../../src/control/control-counters.js';
import { controllerAddress } from '../../src/control/controller-address.js';
import { ControllerChannel } from '../../src/control/controller-channel.js';
import { systemClock } from '../../src/core/clock.js';
import { Certifier } from '../../src/identity/certifier.js';
import { readSigningMaterial } from '../../src/identity/signing-material.js';
import { parseTrustAnchors } from '../../src/identity/trust-anchors.js';
import {
  ACertificateAuthority,
  aKeyPair,
  aSigningRequest,
  pkcs8,
} from '../support/a-certificate-authority.js';
import { testSettings } from '../support/control-plane-under-test.js';
import { FakeControllerNames } from '../support/fake-controller-names.js';
import { aFolder, until } from '../support/processes.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ScriptedController } from '../support/scripted-controller.js';

const ID = 'web.default.serviceaccount.identity.linkerd.cluster.local';

test(
  'a proxy is certified after a refusal, with a connection of its own for each attempt',
  { timeout: 30_000 },
  async (t) => {
    const controller = await ScriptedController.start(t);
    const authority = await ACertificateAuthority.create('root', Date.now());
    const keys = await aKeyPair();
    const folder = await aFolder(t);
    const requestDer = await aSigningRequest(keys, ID);
    await writeFile(join(folder, 'csr.der'), requestDer);
    await writeFile(join(folder, 'key.p8'), await pkcs8(keys));
    await writeFile(join(folder, 'token'), 'the token');
    const material = await readSigningMaterial(folder);
    const anchors = parseTrustAnchors(authority.pem);
    assert.ok(material.ok && anchors.ok);
    const logger = new RecordingLogger();
    const counters = new ControlCounters();
    const certifier = new Certifier({
      client: new RemoteCertifyClient(
        () =>
          new ControllerChannel({
            settings: testSettings(controllerAddress('127.0.0.1', controller.port)),
            names: new FakeControllerNames(),
            counters,
            clock: systemClock,
            logger,
          }),
      ),
      serverName: ID,
      localId: ID,
      material: material.value,
      tokenFile: join(folder, 'token'),
      anchors: anchors.value,
      minRefreshMs: 50,
      maxRefreshMs: 3_600_000,
      clock: systemClock,
      logger,
    });
    t.after(() => certifier.stop());
    await certifier.start();
    (await controller.next('Certify')).fail(grpc.status.FAILED_PRECONDITION, 'who is that?');
    const call = await controller.next('Certify');
    assert.equal(logger.at('error')[0]?.fields['error'], 'FailedPrecondition: who is that?');
    assert.equal(call.request.identity, ID);
    assert.equal(Buffer.from(call.request.token).toString(), 'the token');
    assert.deepEqual([...call.request.certificateSigningRequest], [...requestDer]);
    const leafCertificate = await authority.leaf(keys, { names: [ID] });
    call.send({ leafCertificate, validUntil: { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600) } });
    call.end();
    await until('it is certified', () => certifier.identity.value !== undefined);
    assert.deepEqual([...(certifier.identity.value?.leafDer ?? [])], [...leafCertificate]);
    assert.equal(controller.accepted, 2);
    await until('no connection is left', () => controller.open === 0);
  },
);
