// What tests with @grpc/grpc-js share: methods whose messages are plain bytes, and a server on a port of
// the kernel's choice that ends with its test.
import type { TestContext } from 'node:test';

import * as grpc from '@grpc/grpc-js';

export const asIs = (bytes: Buffer): Buffer => bytes;

export function bytesMethod(
  path: string,
  { requestStream = false, responseStream = false } = {},
): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

/** Answers its port. */
export async function listening(t: TestContext, server: grpc.Server): Promise<number> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.after(() => {
    server.forceShutdown();
  });
  return port;
}
