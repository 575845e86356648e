// Events: bytes of contract.EventBatch. Text that a peer wrote (authorities, paths, methods) is
// made UTF-8 here, because decoders of proto3 may refuse a whole batch for one bad byte.
#include "contract/encode.h"
#include "contract/errno-name.h"
#include "contract/utf8.h"

namespace mesh::contract {
namespace {

void fill(const LabelSet& labels, pb::Labels& message) {
  message.set_direction(toContract(labels.direction));
  message.set_peer(toContract(labels.peer));
  if (labels.targetAddress.valid()) {
    fillAddress(labels.targetAddress, *message.mutable_target_address());
  }
  message.set_target_id(labels.targetId);
  if (labels.endpoint.valid()) fillAddress(labels.endpoint, *message.mutable_endpoint());
  message.set_status_code(labels.statusCode);
  message.set_classification(toContract(labels.classification));
  message.set_reason(toContract(labels.reason));
  if (labels.errnoValue != 0) message.set_errno_name(errnoName(labels.errnoValue));
  message.set_overflow(labels.overflow);
  message.set_detected(labels.detected);
  message.set_route_id(labels.routeId);
  message.set_backend_id(labels.backendId);
  if (labels.grpcStatus >= 0) message.set_grpc_status(static_cast<uint32_t>(labels.grpcStatus));
  message.set_server_id(labels.serverId);
  message.set_authorization_id(labels.authorizationId);
  message.set_rate_limit_id(labels.rateLimitId);
  message.set_rate_limit_scope(toContract(labels.limitScope));
  message.set_port_skipped(labels.portSkipped);
  message.set_server_port(labels.serverPort);
  message.set_server_name(toUtf8(labels.serverName));
  message.set_no_budget(labels.noBudget);
}

void fill(const SeriesDefined& event, pb::Event& out) {
  pb::SeriesDefined& message = *out.mutable_series_defined();
  message.set_worker(event.worker);
  message.set_offset(event.series.offset);
  message.set_width(event.series.width);
  message.set_family(toContract(event.series.family));
  fill(event.series.labels, *message.mutable_labels());
}

void fill(const DiscoverDestination& event, pb::Event& out) {
  pb::DiscoverDestination& message = *out.mutable_discover_destination();
  message.set_direction(toContract(event.direction));
  fillAddress(event.address, *message.mutable_address());
}

void fill(const DiscoverAuthority& event, pb::Event& out) {
  pb::DiscoverAuthority& message = *out.mutable_discover_authority();
  message.set_destination_id(event.destinationId);
  message.set_authority(toUtf8(event.authority));
}

void fill(const DestinationIdle& event, pb::Event& out) {
  out.mutable_destination_idle()->set_id(event.id);
}

void fill(const LogLine& event, pb::Event& out) {
  pb::LogLine& message = *out.mutable_log();
  message.set_level(toContract(event.level));
  message.set_time_ms(event.timeMs);
  message.set_worker(event.worker);
  message.set_message(toUtf8(event.message));
  auto& fields = *message.mutable_fields();
  for (const auto& [name, value] : event.fields) fields[toUtf8(name)] = toUtf8(value);
}

void fill(const Drained&, pb::Event& out) { out.mutable_drained(); }

void fill(const Failure& event, pb::Event& out) {
  pb::Failure& message = *out.mutable_failure();
  message.set_time_ms(event.timeMs);
  message.set_direction(toContract(event.direction));
  message.set_reason(toContract(event.reason));
  message.set_detail(toUtf8(event.detail));
  if (event.client.valid()) fillAddress(event.client, *message.mutable_client());
  if (event.originalDestination.valid()) {
    fillAddress(event.originalDestination, *message.mutable_original_destination());
  }
  message.set_target_id(event.targetId);
  if (event.endpoint.valid()) fillAddress(event.endpoint, *message.mutable_endpoint());
  message.set_method(toUtf8(event.method));
  message.set_path(toUtf8(event.path));
  message.set_status(event.status);
  message.set_route_id(event.routeId);
  message.set_tries(event.tries);
}

}  // namespace

std::string encodeEvents(std::span<const Event> events, uint64_t droppedLogs) {
  pb::EventBatch batch;
  batch.set_dropped_logs(droppedLogs);
  batch.mutable_events()->Reserve(static_cast<int>(events.size()));
  for (const Event& event : events) {
    std::visit([&](const auto& kind) { fill(kind, *batch.add_events()); }, event);
  }
  return batch.SerializeAsString();
}

}  // namespace mesh::contract
