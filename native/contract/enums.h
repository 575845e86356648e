// Enumerations of the contract to those of the data plane and back. Each function is an exhaustive
// switch without a default: an enumerator added on one side alone does not compile (-Wswitch-enum),
// and the numbers are compared at compile time. A number that is no enumerator (proto3 enumerations
// are open) comes back as nothing.
#pragma once

#include <optional>

#include "base/reason.h"
#include "contract.pb.h"
#include "contract/commands.h"

namespace mesh::contract {

namespace pb = ::sluice::contract;

// Absent for *_UNSPECIFIED, which nobody may send.
std::optional<Direction> directionFrom(pb::Direction value);
std::optional<OriginalDestinationSource> sourceFrom(pb::OriginalDestinationSource value);
std::optional<Protocol> protocolFrom(pb::Protocol value);
std::optional<LogLevel> logLevelFrom(pb::LogLevel value);
std::optional<PollerKind> pollerFrom(pb::Poller value);
// True for FORWARD, false for BALANCE.
std::optional<bool> forwardFrom(pb::TargetKind value);
std::optional<EndpointProtocol> endpointProtocolFrom(pb::EndpointProtocol value);
std::optional<route::RouteKind> routeKindFrom(pb::RouteKind value);
std::optional<route::DistributionKind> distributionKindFrom(pb::DistributionKind value);
std::optional<authz::Authentication> authenticationFrom(pb::ClientAuthentication value);
std::optional<Reason> reasonFrom(pb::Reason value);

pb::Direction toContract(Direction value);
pb::LogLevel toContract(LogLevel value);
pb::Reason toContract(Reason value);
pb::Family toContract(Family value);
pb::Peer toContract(Peer value);
pb::Classification toContract(Classification value);
pb::RateLimitScope toContract(LimitScope value);

}  // namespace mesh::contract
