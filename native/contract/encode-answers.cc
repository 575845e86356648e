// Answers to commands: bytes of contract.CommandResult and contract.CommandError.
#include "contract/encode.h"
#include "contract/utf8.h"

namespace mesh::contract {
namespace {

void fill(const CommandError& error, pb::CommandError& message) {
  message.set_field(error.field);
  message.set_message(toUtf8(error.message));
  message.set_os_error(error.osError);
}

}  // namespace

void fillAddress(const SocketAddress& address, pb::SocketAddress& message) {
  message.set_ip(std::string(address.ipBytes()));
  message.set_port(address.port());
}

std::string encodeSuccess() { return pb::CommandResult().SerializeAsString(); }

std::string encodeError(const CommandError& error) {
  pb::CommandResult result;
  fill(error, *result.mutable_error());
  return result.SerializeAsString();
}

std::string encodeBareError(const CommandError& error) {
  pb::CommandError message;
  fill(error, message);
  return message.SerializeAsString();
}

std::string encodeBound(const SocketAddress& bound) {
  pb::CommandResult result;
  fillAddress(bound, *result.mutable_bound());
  return result.SerializeAsString();
}

std::string encodePicture(const Picture& picture) {
  pb::CommandResult result;
  pb::Inspection& inspection = *result.mutable_inspection();
  inspection.set_connections(picture.connections);
  inspection.set_buffer_bytes(picture.bufferBytes);
  for (const TargetPicture& target : picture.targets) {
    pb::TargetInspection& targetMessage = *inspection.add_targets();
    targetMessage.set_id(target.id);
    targetMessage.set_waiting(target.waiting);
    for (const EndpointPicture& endpoint : target.endpoints) {
      pb::EndpointInspection& message = *targetMessage.add_endpoints();
      fillAddress(endpoint.address, *message.mutable_address());
      // The numbers are the contract's.
      message.set_state(static_cast<pb::EndpointState>(endpoint.state));
      message.set_ejected_by(static_cast<pb::EjectionRule>(endpoint.ejectedBy));
      message.set_in_flight(endpoint.inFlight);
      message.set_idle_connections(endpoint.idleConnections);
      message.set_ewma_ms(endpoint.ewmaMs);
      message.set_last_errno(endpoint.lastErrno);
      message.set_next_attempt_ms(endpoint.nextAttemptMs);
      message.set_weight(endpoint.weight);
    }
  }
  return result.SerializeAsString();
}

std::string encodeCaptureStatus(const std::vector<std::string>& hooks) {
  pb::CommandResult result;
  pb::CaptureStatus& capture = *result.mutable_capture();
  for (const std::string& hook : hooks) capture.add_hooks(hook);
  return result.SerializeAsString();
}

}  // namespace mesh::contract
