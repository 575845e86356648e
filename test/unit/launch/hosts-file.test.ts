// The text of the hosts file a command sees.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { renderHosts } from '../../../src/launch/hosts-file.js';

test('the names of the mesh come first and the entries of the host are kept', () => {
  const own = '# of the host\n127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n';
  const text = renderHosts(own, [
    { ip: '10.77.0.10', names: ['web.mesh', 'www.mesh'] },
    { ip: 'fd00::10', names: ['web.mesh'] },
  ]);
  assert.equal(
    text,
    '# Names of the mesh, by sluice.\n10.77.0.10\tweb.mesh www.mesh\nfd00::10\tweb.mesh\n' +
      '# Entries of the host.\n# of the host\n127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n',
  );
});

test('a name of the mesh is taken out of the entries of the host, whatever its case', () => {
  const own = '192.0.2.1 db WEB.Mesh db.local # main\n192.0.2.2 web.mesh\n192.0.2.3 other';
  const text = renderHosts(own, [{ ip: '10.77.0.10', names: ['web.mesh'] }]);
  const lines = text.split('\n');
  assert.ok(lines.includes('192.0.2.1\tdb db.local'));
  assert.ok(lines.includes('192.0.2.3 other'));
  assert.equal(lines.filter((line) => /web\.mesh/i.test(line)).length, 1);
});

test('an address without names gives no line', () => {
  assert.doesNotMatch(renderHosts('', [{ ip: '10.77.0.10', names: [] }]), /10\.77/);
});
