// Route tables and what is counted for them, for the tests of this folder. Not part of the product.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "proxy/testing-scene.h"
#include "route/table.h"

namespace mesh::testing {

// The value of a series: 0 when nothing was counted for these labels.
inline uint64_t counted(TestWorker& worker, Family family, const LabelSet& labels) {
  uint64_t value = 0;
  worker.run([&](Worker& inside) {
    const SeriesId series = inside.recorder().intern(family, labels);
    std::vector<uint64_t> values;
    inside.recorder().snapshot(values);
    value = values.at(series);
  });
  return value;
}
inline LabelSet routeLabels(uint32_t routeId, uint32_t backendId = 0) {
  LabelSet labels;
  labels.direction = Direction::Outbound;
  labels.routeId = routeId;
  labels.backendId = backendId;
  return labels;
}

inline std::shared_ptr<const route::RouteTable> compiledTable(route::TableSpec spec) {
  route::BudgetRegistry budgets;
  auto table = route::RouteTable::compile(std::move(spec), budgets);
  REQUIRE(table.ok());
  return std::move(table).value();
}

// With id 7: the first of these backends that is ready.
inline route::RuleSpec ruleTo(std::vector<route::Backend> backends) {
  route::RuleSpec rule{.id = 7, .name = "rule-7"};
  rule.distribution = {.kind = route::DistributionKind::FirstAvailable,
                       .backends = std::move(backends)};
  return rule;
}
inline route::Backend backendTo(uint32_t targetId, uint32_t id = 3) {
  return {.id = id, .name = "backend-" + std::to_string(id), .targetId = targetId, .weight = 1};
}
// Table 1: the rule takes every request.
inline route::TableSpec tableOf(route::RuleSpec rule) {
  route::TableSpec spec{.id = 1};
  route::EntrySpec all;
  spec.hosts = {{.host = "", .suffix = false, .entries = {all}}};
  spec.rules = {std::move(rule)};
  return spec;
}

// Destination 1 by table 1, in place of target 1.
inline void routeBy(TestWorker& worker, route::TableSpec spec,
                    contract::Protocol protocol = contract::Protocol::Detect) {
  const auto table = compiledTable(std::move(spec));
  worker.run([&](Worker& inside) { inside.putRouteTable(table); });
  worker.putDestination({.id = 1,
                         .direction = Direction::Outbound,
                         .address = {},
                         .protocol = protocol,
                         .detectTimeoutMs = 60'000,
                         .targetId = 0,
                         .authorities = {},
                         .routeTableId = 1});
  worker.run([](Worker& inside) { inside.destination(1)->learned = Learned::ClientFirst; });
}

// A scene whose requests all follow one rule, to target 1.
struct RouteScene : ExchangeScene {
  RouteScene(contract::EndpointProtocol spoken, route::RuleSpec rule,
             contract::PutTarget target = testTarget(1))
      : ExchangeScene(spoken, testSettings(), Direction::Outbound, std::move(target)) {
    routeBy(worker, tableOf(std::move(rule)));
  }
  uint64_t countedOf(Family family, uint32_t backendId = 0) {
    return counted(worker, family, routeLabels(7, backendId));
  }
  // Requests of the rule that ended so.
  uint64_t ended(uint16_t status, Reason reason = Reason::None, int8_t grpcStatus = -1) {
    LabelSet labels = routeLabels(7);
    labels.statusCode = status;
    labels.reason = reason;
    labels.grpcStatus = grpcStatus;
    return counted(worker, Family::RouteRequestStatusesTotal, labels);
  }
};

}  // namespace mesh::testing
