// See destination.h.
#include "proxy/destination.h"

#include "base/clock.h"

namespace mesh {

namespace {
// RFC 1035 §2.3.4 allows 255 octets of name; a port adds six.
constexpr size_t MAX_AUTHORITY = 300;
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

RouteChoice findAuthority(const Destination& destination, std::string_view canonical) {
  const auto found = destination.authorities.find(canonical);
  return found == destination.authorities.end() ? RouteChoice() : found->second;
}

}  // namespace mesh
