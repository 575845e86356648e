// What the tests of this folder share: a worker on its own thread, and blocking sockets that give
// up instead of hanging, after a time that a loaded machine under a sanitizer does not need. Sockets
// may be used on other threads than the test's: they assert nothing. Not part of the product.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <future>
#include <string>
#include <thread>
#include <utility>

#include "io/socket.h"
#include "proxy/worker.h"

namespace mesh::testing {

constexpr int PATIENCE_S = 120;

inline SocketAddress loopback(uint16_t port) { return SocketAddress::v4(INADDR_LOOPBACK, port); }

// A blocking socket with deadlines; what a client or a server of a test holds.
class TestPeer {
 public:
  explicit TestPeer(UniqueFd fd) : fd_(std::move(fd)) {
    const timeval limit{.tv_sec = PATIENCE_S, .tv_usec = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  static TestPeer connectTo(const SocketAddress& address) {
    UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage;
    const socklen_t length = address.toSockaddr(storage);
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0);
    return TestPeer(std::move(fd));
  }

  // False when the peer is gone; then nothing more comes from it either, or a reset.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Up to `size` bytes; "" at FIN, "<reset>" after a reset, "<timeout>" when nothing comes.
  std::string receiveSome(size_t size = 65'536) {
    std::string bytes(size, '\0');
    const ssize_t got = recv(fd_.get(), bytes.data(), size, 0);
    if (got < 0) return errno == ECONNRESET ? "<reset>" : "<timeout>";
    bytes.resize(static_cast<size_t>(got));
    return bytes;
  }
  // Exactly `size` bytes, or what came before the end.
  std::string receive(size_t size) {
    std::string all;
    while (all.size() < size) {
      const std::string some = receiveSome(size - all.size());
      if (some.empty()) return all + "<fin>";
      if (some == "<reset>" || some == "<timeout>") return all + some;
      all += some;
    }
    return all;
  }
  // Until `end` has come.
  std::string receiveUntil(std::string_view end) {
    std::string all;
    while (all.find(end) == std::string::npos) {
      const std::string some = receiveSome(1);
      if (some.empty()) return all + "<fin>";
      all += some;
      if (some == "<reset>" || some == "<timeout>") return all;
    }
    return all;
  }
  // Everything until FIN or reset.
  std::string receiveAll() {
    std::string all;
    for (;;) {
      const std::string some = receiveSome();
      if (some.empty()) return all;
      all += some;
      if (some == "<reset>" || some == "<timeout>") return all;
    }
  }
  void finish() { shutdown(fd_.get(), SHUT_WR); }
  void reset() {
    resetOnClose(fd_.get());
    fd_.reset();
  }
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

// A listening socket of a test.
class TestServer {
 public:
  TestServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage;
    const socklen_t length = loopback(0).toSockaddr(storage);
    REQUIRE(bind(fd_.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0);
    REQUIRE(listen(fd_.get(), 128) == 0);
  }
  SocketAddress address() const { return localAddress(fd_.get()); }
  TestPeer accept() {
    REQUIRE(waits(PATIENCE_S * 1'000));
    return TestPeer(UniqueFd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  }
  // Whether a connection is there to be accepted.
  bool waits(int timeoutMs) {
    pollfd one{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    return poll(&one, 1, timeoutMs) == 1;
  }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

// The one of two servers that a connection waits at first.
inline TestServer& firstAsked(TestServer& one, TestServer& other) {
  for (;;) {
    if (one.waits(1)) return one;
    if (other.waits(1)) return other;
  }
}

// An address nobody listens on, for as long as the object lives: bound, not listening.
class DeadAddress {
 public:
  DeadAddress() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage;
    const socklen_t length = loopback(0).toSockaddr(storage);
    REQUIRE(bind(fd_.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0);
  }
  SocketAddress address() const { return localAddress(fd_.get()); }

 private:
  UniqueFd fd_;
};

inline contract::Settings testSettings() {
  contract::Settings settings;
  settings.halfCloseTimeoutMs = 60'000;
  settings.discoveryTimeoutMs = 60'000;
  settings.acceptBatch = 16;
  settings.requestHeadTimeoutMs = 60'000;
  settings.clientIdleTimeoutMs = 60'000;
  settings.directionBudgetBytes = 262'144;
  settings.spliceThresholdBytes = 65'536;
  settings.totalBudgetBytes = 1ULL << 30;
  settings.metrics = {.latencyBoundsMs = {1, 10, 100}, .durationBoundsMs = {10, 1000}};
  settings.logLevel = contract::LogLevel::Off;
  settings.emitErrorHeaders = true;
  return settings;
}

inline contract::PutTarget testTarget(uint32_t id) {
  contract::PutTarget target;
  target.id = id;
  target.connectTimeoutMs = 60'000;
  target.failFastTimeoutMs = 300;
  target.queueCapacity = 100;
  target.pool = {.maxIdle = 100, .idleTimeoutMs = 30'000};
  target.ewmaDefaultRttNs = 30'000'000;
  target.ewmaDecayNs = 10'000'000'000;
  target.backoff = {.minMs = 20, .maxMs = 1'000, .jitter = 0};
  return target;
}

// One worker with one listener of a fixed destination (id 1) that goes to target 1.
class TestWorker {
 public:
  explicit TestWorker(contract::Settings settings = testSettings())
      : settings_(std::move(settings)), sink_([] {}, settings_.logLevel) {
    budget_.limitBytes = settings_.totalBudgetBytes;
    Result<std::unique_ptr<Worker>> created =
        Worker::create(0, settings_, sink_, budget_, inFlight_);
    REQUIRE(created.ok());
    worker_ = std::move(created).value();
    thread_ = std::thread([this] { worker_->run(); });
  }
  ~TestWorker() {
    worker_->loop().stop();
    thread_.join();
  }

  // Runs `call(Worker&)` on the worker's thread and waits for it.
  template <typename Call>
  void run(Call call) {
    std::promise<void> done;
    worker_->loop().postFn([&] {
      call(*worker_);
      done.set_value();
    });
    done.get_future().wait();
  }

  std::shared_ptr<EndpointShared> addEndpoint(uint32_t targetId, const SocketAddress& address,
                                              const contract::EndpointTraits& traits = {}) {
    auto endpoint = std::make_shared<EndpointShared>(address, 1);
    const EndpointAddition addition{
        .endpoint = endpoint, .traits = std::make_shared<const contract::EndpointTraits>(traits)};
    run([&](Worker& worker) { worker.updateEndpoints(targetId, {addition}, {}); });
    return endpoint;
  }
  void removeEndpoint(uint32_t targetId, EndpointShared& endpoint) {
    endpoint.removed.store(true);
    run([&](Worker& worker) { worker.updateEndpoints(targetId, {}, {endpoint.address}); });
  }
  void putTarget(const contract::PutTarget& target) {
    run([&](Worker& worker) { worker.putTarget(target); });
  }
  void putDestination(const contract::PutDestination& destination) {
    run([&](Worker& worker) {
      worker.putDestination(destination, std::make_shared<DestinationUse>());
    });
  }
  // Target 1, destination 1 and a listener; answers where to connect.
  SocketAddress serve(contract::Protocol protocol, const SocketAddress& endpoint) {
    putTarget(testTarget(1));
    addEndpoint(1, endpoint);
    putDestination({.id = 1,
                    .direction = Direction::Outbound,
                    .address = {},
                    .protocol = protocol,
                    .detectTimeoutMs = 5'000,
                    .targetId = 1,
                    .authorities = {}});
    return listenFor({.id = 1,
                      .direction = Direction::Outbound,
                      .address = loopback(0),
                      .source = contract::OriginalDestinationSource::Fixed,
                      .destinationId = 1});
  }
  SocketAddress listenFor(const contract::Listen& listen) {
    Result<UniqueFd> socket = listenTcp(listen.address, 128);
    REQUIRE(socket.ok());
    const SocketAddress bound = localAddress(socket.value().get());
    run([&](Worker& worker) { worker.openListener(listen, std::move(socket).value()); });
    return bound;
  }
  // Waits until an event of this kind has been emitted, and takes it.
  template <typename Wanted>
  Wanted await() {
    for (;;) {
      for (size_t index = 0; index < events_.size(); ++index) {
        if (const Wanted* found = std::get_if<Wanted>(&events_[index])) {
          Wanted wanted = *found;
          events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(index));
          return wanted;
        }
      }
      uint64_t dropped = 0;
      // The worker's own turn orders this after what it has done so far.
      run([](Worker&) {});
      for (contract::Event& event : sink_.take(dropped)) events_.push_back(std::move(event));
    }
  }

 private:
  contract::Settings settings_;
  EventSink sink_;
  BufferBudget budget_;
  InFlightLimits inFlight_{settings_.outboundMaxInFlight, settings_.inboundMaxInFlight};
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
  std::vector<contract::Event> events_;
};

}  // namespace mesh::testing
