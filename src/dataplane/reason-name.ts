// The stable name of a reason, as it appears in metrics, logs and headers: the contract's, in lower
// case. A number that this build does not know keeps its number, so that nothing is lost.
import { Reason } from './gen/contract_pb.js';

export function reasonName(reason: Reason): string {
  const name = (Reason as Readonly<Record<number, string | undefined>>)[reason];
  return name === undefined ? `reason_${String(reason)}` : name.toLowerCase();
}
