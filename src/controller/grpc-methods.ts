// Services of the API as @grpc/grpc-js wants them. Requests come as messages; answers leave as bytes, so
// that those which many streams carry are encoded once.
import { type DescMethod, type DescService, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

type Method<M extends DescMethod> = MethodDefinition<MessageShape<M['input']>, Buffer>;

export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, methodDefinition(service, method)]),
  );
}

function methodDefinition<M extends DescMethod>(service: DescService, method: M): Method<M> {
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: false,
    responseStream: method.methodKind === 'server_streaming',
    // Only clients use these two.
    requestSerialize: refuseToBeClient,
    responseDeserialize: (bytes) => bytes,
    requestDeserialize: (bytes) => fromBinary(method.input, bytes) as MessageShape<M['input']>,
    responseSerialize: (bytes) => bytes,
  };
}

function refuseToBeClient(): never {
  throw new TypeError('the controller asks nobody');
}
