// Which questions the `records` of a mesh file stand for.
import type { DnsEndpointsConfig } from '../config/mesh-config.js';
import type { DnsRecordType } from './dns-resolver.js';

export const RECORD_TYPES: Readonly<Record<DnsEndpointsConfig['records'], readonly DnsRecordType[]>> = {
  a: ['a'],
  aaaa: ['aaaa'],
  'a+aaaa': ['a', 'aaaa'],
  srv: ['srv'],
};
