// Opening listeners at the start of a run. When an address cannot be had, the message names it and,
// where this user may see it, who has it.
import { constants } from 'node:os';

import { formatHostPort, formatIp, type HostPort, ipBytes } from '../core/ip.js';
import { CommandRefusedError, type DataPlane } from '../dataplane/dataplane.js';
import { type Direction, type OriginalDestinationSource } from '../dataplane/gen/contract_pb.js';
import { EX_UNAVAILABLE } from './exit-codes.js';
import { findPortHolder } from './port-holder.js';
import { type RunContext } from './run-context.js';
import { StartError } from './start-error.js';

export interface ListenWish {
  readonly id: number;
  readonly direction: Direction;
  readonly source: OriginalDestinationSource;
  readonly address: HostPort;
}

/** Answers the address really bound. Rejects with StartError when the system refuses. */
export async function listen(
  run: Pick<RunContext, 'effects'>,
  dataPlane: Pick<DataPlane, 'listen'>,
  { id, direction, source, address }: ListenWish,
): Promise<HostPort> {
  try {
    const bound = dataPlane.listen({
      id,
      direction,
      source,
      address: { ip: ipBytes(address.ip), port: address.port },
    });
    return { ip: formatIp(bound.ip), port: bound.port };
  } catch (error) {
    throw await listenError(run, address, error);
  }
}

/** What to tell the user when `address` could not be had; anything else than a refusal as it is. */
export async function listenError(
  { effects }: Pick<RunContext, 'effects'>,
  address: HostPort,
  error: unknown,
): Promise<unknown> {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const place = `cannot listen on ${formatHostPort(address)}`;
  if (errno !== constants.errno.EADDRINUSE) {
    return new StartError(
      EX_UNAVAILABLE,
      `${place}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const holder = await findPortHolder(address.port, effects.procFiles);
  const who = holder === undefined ? '' : ` by ${holder.command} (pid ${String(holder.pid)})`;
  return new StartError(EX_UNAVAILABLE, `${place}: the address is in use${who}`);
}

/** The errno of a refusal by the system, of the data plane or of node; undefined for other errors. */
function errnoOf(error: unknown): number | undefined {
  if (error instanceof CommandRefusedError) return error.osError === 0 ? undefined : error.osError;
  const errno = error instanceof Error ? (error as NodeJS.ErrnoException).errno : undefined;
  return errno === undefined ? undefined : Math.abs(errno);
}
