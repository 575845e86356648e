// See decode-filters.h.
#include "contract/decode-filters.h"

namespace mesh::contract {
namespace {

constexpr uint32_t MAX_PORT = 65'535;
constexpr uint32_t MAX_GRPC_CODE = 16;

route::HeaderModifier readModifier(const pb::HeaderModifier& message) {
  route::HeaderModifier out;
  for (const pb::HeaderValue& one : message.add()) out.add.emplace_back(one.name(), one.value());
  for (const pb::HeaderValue& one : message.set()) out.set.emplace_back(one.name(), one.value());
  out.remove.assign(message.remove().begin(), message.remove().end());
  return out;
}

route::Redirect readRedirect(const Path& path, const pb::Redirect& message, Problems& problems) {
  route::Redirect out;
  problems.inRange(path / "status", message.status(), 300, 399);
  problems.inRange(path / "port", message.port(), 0, MAX_PORT);
  out.status = static_cast<uint16_t>(message.status());
  out.scheme = message.scheme();
  out.host = message.host();
  out.port = static_cast<uint16_t>(message.port());
  if (message.has_replace_path()) out.replacePath = message.replace_path();
  if (message.has_replace_prefix()) out.replacePrefix = message.replace_prefix();
  return out;
}

route::FailureInjector readInjector(const Path& path, const pb::FailureInjector& message,
                                    Problems& problems) {
  route::FailureInjector out;
  if (message.numerator() > message.denominator()) {
    problems.report(path / "numerator", "must not be above `denominator`");
  }
  out.numerator = message.numerator();
  out.denominator = message.denominator();
  switch (message.failure_case()) {
    case pb::FailureInjector::kHttp:
      problems.inRange(path / "http" / "status", message.http().status(), 200, 599);
      out.failure = route::HttpFailure{.status = static_cast<uint16_t>(message.http().status()),
                                       .message = message.http().message()};
      break;
    case pb::FailureInjector::kGrpc:
      problems.inRange(path / "grpc" / "code", message.grpc().code(), 0, MAX_GRPC_CODE);
      out.failure = route::GrpcFailure{.code = static_cast<uint8_t>(message.grpc().code()),
                                       .message = message.grpc().message()};
      break;
    case pb::FailureInjector::FAILURE_NOT_SET:
      problems.report(path, "must have a failure: http or grpc");
      break;
  }
  return out;
}

route::Filter readFilter(const Path& path, const pb::RouteFilter& message, Problems& problems) {
  switch (message.kind_case()) {
    case pb::RouteFilter::kRequestHeaders:
      return route::RequestHeaders{readModifier(message.request_headers())};
    case pb::RouteFilter::kResponseHeaders:
      return route::ResponseHeaders{readModifier(message.response_headers())};
    case pb::RouteFilter::kRedirect:
      return readRedirect(path / "redirect", message.redirect(), problems);
    case pb::RouteFilter::kInject:
      return readInjector(path / "inject", message.inject(), problems);
    case pb::RouteFilter::kInvalid:
      return route::InvalidFilter{message.invalid()};
    case pb::RouteFilter::KIND_NOT_SET:
      break;
  }
  problems.report(path, "is no filter that this data plane knows");
  return route::InvalidFilter{};
}

}  // namespace

std::vector<route::Filter> readFilters(
    const Path& path, const google::protobuf::RepeatedPtrField<pb::RouteFilter>& messages,
    Problems& problems) {
  std::vector<route::Filter> out;
  for (int i = 0; i < messages.size(); ++i) {
    out.push_back(readFilter(path.at("filters", i), messages.Get(i), problems));
  }
  return out;
}

}  // namespace mesh::contract
