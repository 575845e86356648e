// See destination.h.
#include "proxy/destination.h"

#include "base/clock.h"

namespace mesh {

namespace {
// RFC 1035 §2.3.4 allows 255 octets of name; a port adds six.
constexpr size_t MAX_AUTHORITY = 300;

// The host of host[:port], brackets of an IPv6 address kept.
std::string_view hostOf(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return authority;
  if (bracket != std::string_view::npos && colon < bracket) return authority;
  return authority.substr(0, colon);
}
}  // namespace

DestinationHold::DestinationHold(std::shared_ptr<Destination> destination, uint64_t nowMs)
    : destination_(std::move(destination)) {
  destination_->use->connections.fetch_add(1, std::memory_order_relaxed);
  destination_->use->lastUsedMs.store(nowMs, std::memory_order_relaxed);
  destination_->use->reported.store(false, std::memory_order_relaxed);
}

DestinationHold& DestinationHold::operator=(DestinationHold&& other) noexcept {
  if (this != &other) {
    release();
    destination_ = std::move(other.destination_);
  }
  return *this;
}

void DestinationHold::release() {
  if (!destination_) return;
  destination_->use->lastUsedMs.store(monotonicNs() / 1'000'000, std::memory_order_relaxed);
  destination_->use->connections.fetch_sub(1, std::memory_order_relaxed);
  destination_.reset();
}

bool canonicalAuthority(std::string_view authority, std::string& out) {
  if (authority.empty() || authority.size() > MAX_AUTHORITY) return false;
  out.assign(authority);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return true;
}

uint32_t findAuthority(const Destination& destination, std::string_view canonical) {
  const auto exact = destination.authorities.find(canonical);
  if (exact != destination.authorities.end()) return exact->second;
  const std::string_view host = hostOf(canonical);
  if (host.size() == canonical.size()) return 0;
  const auto anyPort = destination.authorities.find(host);
  return anyPort == destination.authorities.end() ? 0 : anyPort->second;
}

}  // namespace mesh
