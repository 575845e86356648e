// What a target id means in words: for labels of metrics and for logs. Ids come back in series and
// failures long after a target is gone, so removed ones are still answered, the latest few thousand.
import type { HostPort } from '../core/ip.js';

export type Labels = Readonly<Record<string, string>>;

export interface RemovedEndpoint {
  readonly address: HostPort;
  readonly agoMs: number;
}

export interface TargetInfo {
  readonly id: number;
  /** Logical authority, such as `web:80`; empty for connections forwarded to where they were going. */
  readonly authority: string;
  /** `dst_*` labels of the target, without the prefix. */
  readonly labels: Labels;
  /** `dst_*` labels of one endpoint over those of the target, without the prefix; removed endpoints included. */
  endpointLabels(address: HostPort): Labels;
  /** Endpoints that went in the last minutes, the latest ones, oldest first. */
  removedEndpoints(): readonly RemovedEndpoint[];
}

export interface TargetDirectory {
  targetInfo(id: number): TargetInfo | undefined;
}

export interface DestinationDirectory {
  /** The target that connections to a captured address have by default. */
  targetAt(direction: 'outbound' | 'inbound', address: HostPort): TargetInfo | undefined;
}
