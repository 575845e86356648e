// The owner's side of the data plane: decodes commands, checks them against the registry, hands
// them to every worker, and gathers what the workers say. See data-plane.h.
#include "proxy/data-plane.h"

#include <fcntl.h>

#include <cerrno>
#include <climits>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "contract/commands.h"
#include "proxy/registry.h"
#include "proxy/worker.h"

namespace mesh {

namespace {

// How long Inspect waits for a worker that is in the middle of a turn.
constexpr auto INSPECT_WAIT = std::chrono::milliseconds(1'000);
// RFC 6890 §2.2.2: all of 127/8 is loopback. Source of inbound dials (architecture §5).
constexpr uint32_t OWN_SOURCE = 0x7f000006;

using contract::CommandError;

std::string refuse(std::string field, std::string message) {
  return contract::encodeError(
      {.field = std::move(field), .message = std::move(message), .osError = 0});
}

std::string systemRefused(std::string message, int error) {
  return contract::encodeError({.field = "", .message = std::move(message), .osError = error});
}

std::string cannotListen(const SocketAddress& address, int error) {
  return systemRefused("cannot listen on " + address.toString() + ": " + std::strerror(error),
                       error);
}

// The pictures of several workers as one.
void merge(contract::Picture& into, const contract::Picture& from) {
  into.connections += from.connections;
  into.bufferBytes += from.bufferBytes;
  for (const contract::TargetPicture& target : from.targets) {
    contract::TargetPicture* same = nullptr;
    for (contract::TargetPicture& known : into.targets) {
      if (known.id == target.id) same = &known;
    }
    if (same == nullptr) {
      into.targets.push_back(target);
      continue;
    }
    same->waiting += target.waiting;
    for (const contract::EndpointPicture& endpoint : target.endpoints) {
      for (contract::EndpointPicture& known : same->endpoints) {
        if (known.address != endpoint.address) continue;
        // Load is shared by all workers already; readiness and pools are each worker's own. Back-off
        // of one is what there is to tell, with the attempt that comes first.
        known.idleConnections += endpoint.idleConnections;
        if (endpoint.state > known.state) {
          known.state = endpoint.state;
          known.ejectedBy = endpoint.ejectedBy;
          known.nextAttemptMs = endpoint.nextAttemptMs;
        } else if (endpoint.state == known.state) {
          known.nextAttemptMs = std::min(known.nextAttemptMs, endpoint.nextAttemptMs);
        }
        if (known.lastErrno == 0) known.lastErrno = endpoint.lastErrno;
      }
    }
  }
}

class ThreadedDataPlane final : public DataPlane {
 public:
  ThreadedDataPlane(contract::Settings settings, Wake wake)
      : settings_(std::move(settings)), sink_(std::move(wake), settings_.logLevel) {
    budget_.limitBytes = settings_.totalBudgetBytes;
  }
  ~ThreadedDataPlane() override;

  Status<> startWorkers();

  std::string command(std::string_view bytes) override;
  std::string takeEvents() override;
  uint32_t workers() const override { return static_cast<uint32_t>(workers_.size()); }
  void scrape(uint32_t worker, std::vector<uint64_t>& out) const override {
    workers_[worker]->recorder().snapshot(out);
  }

 private:
  struct OpenListener {
    contract::Listen settings;
    SocketAddress bound;
    // Duplicates of the workers' sockets, for the capture to steer to.
    std::vector<UniqueFd> sockets;
  };

  std::string apply(const contract::Listen& listen);
  std::string apply(const contract::CloseListener& close);
  std::string apply(const contract::ResumeListener& resume);
  std::string apply(const contract::PutTarget& target);
  std::string apply(const contract::UpdateEndpoints& update);
  std::string apply(const contract::RemoveTarget& remove);
  std::string apply(const contract::PutDestination& destination);
  std::string apply(const contract::RemoveDestination& remove);
  std::string apply(const contract::FailDiscovery& failure);
  std::string apply(const contract::SetLogLevel& level);
  std::string apply(const contract::Drain& drain);
  std::string apply(const contract::Inspect&);
  std::string apply(const contract::AttachCapture& attach);
  std::string apply(const contract::DetachCapture&);
  std::string apply(const route::TableSpec& table);
  std::string apply(const contract::RemoveRouteTable& remove);

  // Runs a copy of `call` on every worker's thread.
  template <typename Call>
  void onWorkers(Call call) {
    for (const std::unique_ptr<Worker>& worker : workers_) {
      worker->loop().postFn([&target = *worker, call] { call(target); });
    }
  }
  void publishOwnAddresses();
  std::optional<std::string> refuseBackends(const route::Distribution& distribution,
                                            const std::string& field) const;

  const contract::Settings settings_;
  EventSink sink_;
  BufferBudget budget_;
  InFlightLimits inFlight_{settings_.outboundMaxInFlight, settings_.inboundMaxInFlight};
  Registry registry_;
  route::BudgetRegistry retryBudgets_;
  authz::PolicyRegistry policies_;
  std::unordered_map<uint32_t, OpenListener> listeners_;
  std::shared_ptr<const Capture> capture_;
  bool draining_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

Status<> ThreadedDataPlane::startWorkers() {
  for (uint32_t index = 0; index < settings_.workers; ++index) {
    Result<std::unique_ptr<Worker>> worker =
        Worker::create(index, settings_, sink_, budget_, inFlight_);
    if (!worker) return worker.error();
    workers_.push_back(std::move(worker).value());
  }
  for (const std::unique_ptr<Worker>& worker : workers_) {
    threads_.emplace_back([&target = *worker] { target.run(); });
  }
  return Unit{};
}

ThreadedDataPlane::~ThreadedDataPlane() {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->loop().stop();
  for (std::thread& thread : threads_) thread.join();
}

std::string ThreadedDataPlane::command(std::string_view bytes) {
  Result<contract::Command, CommandError> decoded = contract::decodeCommand(bytes);
  if (!decoded) return contract::encodeError(decoded.error());
  return std::visit([this](const auto& command) { return apply(command); }, decoded.value());
}

std::string ThreadedDataPlane::takeEvents() {
  uint64_t droppedLogs = 0;
  std::vector<contract::Event> events = sink_.take(droppedLogs);
  std::erase_if(events, [this](const contract::Event& event) {
    if (const auto* asked = std::get_if<contract::DiscoverDestination>(&event)) {
      return !registry_.asks(*asked);
    }
    if (const auto* asked = std::get_if<contract::DiscoverAuthority>(&event)) {
      return !registry_.asks(*asked);
    }
    return false;
  });
  if (events.empty() && droppedLogs == 0) return {};
  return contract::encodeEvents(events, droppedLogs);
}

// ---------------------------------------------------------------- listeners

std::string ThreadedDataPlane::apply(const contract::Listen& listen) {
  if (draining_) return systemRefused("the data plane is draining", ESHUTDOWN);
  if (listeners_.contains(listen.id)) return refuse("listen.id", "already in use");
  if (listen.destinationId != 0 && !registry_.hasDestination(listen.destinationId)) {
    return refuse("listen.destination_id", "no such destination");
  }
  // SO_REUSEPORT, which the workers need among themselves, would let another process of the same
  // user share the port unnoticed.
  if (const Status<> free = checkPortFree(listen.address); !free) {
    return cannotListen(listen.address, free.error().code);
  }
  // All sockets first: the listener opens whole or not at all. The first chooses the port.
  OpenListener opened{.settings = listen, .bound = listen.address, .sockets = {}};
  std::vector<UniqueFd> sockets;
  // The kernel makes of it what it allows (net.core.somaxconn).
  const int backlog = listen.backlog == 0 ? INT_MAX : static_cast<int>(listen.backlog);
  for (size_t index = 0; index < workers_.size(); ++index) {
    Result<UniqueFd> socket = listenTcp(opened.bound, backlog);
    if (!socket) return cannotListen(opened.bound, socket.error().code);
    // Accepted sockets inherit these.
    applyOptions(socket.value().get(), settings_.tcp);
    if (index == 0) opened.bound = localAddress(socket.value().get());
    // Not to be inherited by the wrapped command.
    opened.sockets.emplace_back(fcntl(socket.value().get(), F_DUPFD_CLOEXEC, 0));
    if (!opened.sockets.back().valid()) return cannotListen(opened.bound, errno);
    sockets.push_back(std::move(socket).value());
  }
  const SocketAddress bound = opened.bound;
  listeners_.emplace(listen.id, std::move(opened));
  publishOwnAddresses();
  for (size_t index = 0; index < workers_.size(); ++index) {
    Worker& worker = *workers_[index];
    auto socket = std::make_shared<UniqueFd>(std::move(sockets[index]));
    worker.loop().postFn(
        [&worker, listen, socket] { worker.openListener(listen, std::move(*socket)); });
  }
  return contract::encodeBound(bound);
}

std::string ThreadedDataPlane::apply(const contract::CloseListener& close) {
  if (listeners_.erase(close.id) == 0) return refuse("close_listener.id", "no such listener");
  publishOwnAddresses();
  onWorkers([id = close.id](Worker& worker) { worker.closeListener(id); });
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const contract::ResumeListener& resume) {
  if (!listeners_.contains(resume.id)) return refuse("resume_listener.id", "no such listener");
  onWorkers([id = resume.id](Worker& worker) { worker.resumeListener(id); });
  return contract::encodeSuccess();
}

void ThreadedDataPlane::publishOwnAddresses() {
  auto addresses = std::make_shared<OwnAddresses>();
  for (const auto& [id, listener] : listeners_) addresses->push_back(listener.bound);
  onWorkers([addresses](Worker& worker) { worker.setOwnAddresses(addresses); });
}

// ---------------------------------------------------------------- snapshots

std::string ThreadedDataPlane::apply(const contract::PutTarget& target) {
  registry_.putTarget(target);
  onWorkers([target](Worker& worker) { worker.putTarget(target); });
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const contract::UpdateEndpoints& update) {
  if (!registry_.hasTarget(update.targetId)) {
    return refuse("update_endpoints.target_id", "no such target");
  }
  auto change = std::make_shared<const EndpointChange>(registry_.updateEndpoints(update));
  onWorkers([id = update.targetId, change](Worker& worker) {
    worker.updateEndpoints(id, change->add, change->remove);
  });
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const contract::RemoveTarget& remove) {
  if (!registry_.hasTarget(remove.id)) return refuse("remove_target.id", "no such target");
  registry_.removeTarget(remove.id);
  onWorkers([id = remove.id](Worker& worker) { worker.removeTarget(id); });
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const contract::PutDestination& destination) {
  if (destination.address.valid()) {
    const uint32_t holder = registry_.holderOf(destination.direction, destination.address);
    if (holder != 0 && holder != destination.id) {
      return refuse("put_destination.address",
                    "already the address of destination " + std::to_string(holder));
    }
  }
  if (destination.targetId != 0 && !registry_.hasTarget(destination.targetId)) {
    return refuse("put_destination.target_id", "no such target");
  }
  if (destination.routeTableId != 0 && !registry_.hasRouteTable(destination.routeTableId)) {
    return refuse("put_destination.route_table_id", "no such route table");
  }
  for (size_t index = 0; index < destination.authorities.size(); ++index) {
    const contract::AuthorityTarget& one = destination.authorities[index];
    const std::string field = "put_destination.authorities[" + std::to_string(index) + "]";
    if (one.targetId != 0 && !registry_.hasTarget(one.targetId)) {
      return refuse(field + ".target_id", "no such target");
    }
    if (one.routeTableId != 0 && !registry_.hasRouteTable(one.routeTableId)) {
      return refuse(field + ".route_table_id", "no such route table");
    }
  }
  const std::shared_ptr<DestinationUse> use = registry_.putDestination(destination);
  onWorkers([destination, use](Worker& worker) { worker.putDestination(destination, use); });
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const route::TableSpec& spec) {
  for (size_t rule = 0; rule < spec.rules.size(); ++rule) {
    const std::string field = "put_route_table.rules[" + std::to_string(rule) + "].distribution";
    if (auto refusal = refuseBackends(spec.rules[rule].distribution, field)) return *refusal;
  }
  if (spec.tcp) {
    const std::string field = "put_route_table.tcp.distribution";
    if (auto refusal = refuseBackends(spec.tcp->distribution, field)) return *refusal;
  }
  for (size_t host = 0; host < spec.tls.size(); ++host) {
    const std::string field =
        "put_route_table.tls[" + std::to_string(host) + "].route.distribution";
    if (auto refusal = refuseBackends(spec.tls[host].route.distribution, field)) return *refusal;
  }
  auto table = route::RouteTable::compile(spec, retryBudgets_, &policies_);
  if (!table) return refuse("put_route_table." + table.error().field, table.error().message);
  registry_.putRouteTable(spec.id);
  onWorkers([table = std::move(table).value()](Worker& worker) { worker.putRouteTable(table); });
  return contract::encodeSuccess();
}

// Of the first backend whose target does not exist.
std::optional<std::string> ThreadedDataPlane::refuseBackends(
    const route::Distribution& distribution, const std::string& field) const {
  for (size_t index = 0; index < distribution.backends.size(); ++index) {
    const uint32_t target = distribution.backends[index].targetId;
    if (target == 0 || registry_.hasTarget(target)) continue;
    return refuse(field + ".backends[" + std::to_string(index) + "].target_id", "no such target");
  }
  return std::nullopt;
}

std::string ThreadedDataPlane::apply(const contract::RemoveRouteTable& remove) {
  if (!registry_.hasRouteTable(remove.id)) {
    return refuse("remove_route_table.id", "no such route table");
  }
  registry_.removeRouteTable(remove.id);
  onWorkers([id = remove.id](Worker& worker) { worker.removeRouteTable(id); });
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const contract::RemoveDestination& remove) {
  if (!registry_.hasDestination(remove.id)) {
    return refuse("remove_destination.id", "no such destination");
  }
  registry_.removeDestination(remove.id);
  onWorkers([id = remove.id](Worker& worker) { worker.removeDestination(id); });
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const contract::FailDiscovery& failure) {
  registry_.answered(failure);
  onWorkers([failure](Worker& worker) { worker.failDiscovery(failure); });
  return contract::encodeSuccess();
}

// ---------------------------------------------------------------- life

std::string ThreadedDataPlane::apply(const contract::SetLogLevel& level) {
  sink_.setLevel(level.level);
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const contract::Drain& drain) {
  if (draining_) return systemRefused("already draining", EALREADY);
  draining_ = true;
  listeners_.clear();
  auto left = std::make_shared<std::atomic<size_t>>(workers_.size());
  onWorkers([this, left, graceMs = drain.graceMs](Worker& worker) {
    worker.drain(graceMs, [this, left] {
      if (left->fetch_sub(1) == 1) sink_.emit(contract::Drained{});
    });
  });
  return contract::encodeSuccess();
}

std::string ThreadedDataPlane::apply(const contract::Inspect&) {
  // Shared: a worker that answers too late writes into memory that is still there.
  struct Answers {
    std::mutex mutex;
    std::condition_variable arrived;
    size_t missing;
    contract::Picture picture;
  };
  auto answers = std::make_shared<Answers>();
  answers->missing = workers_.size();
  onWorkers([answers](Worker& worker) {
    contract::Picture picture;
    worker.describe(picture);
    const std::lock_guard<std::mutex> lock(answers->mutex);
    merge(answers->picture, picture);
    --answers->missing;
    answers->arrived.notify_one();
  });
  std::unique_lock<std::mutex> lock(answers->mutex);
  if (!answers->arrived.wait_for(lock, INSPECT_WAIT, [&] { return answers->missing == 0; })) {
    return systemRefused("a worker did not answer in time", ETIMEDOUT);
  }
  return contract::encodePicture(answers->picture);
}

// ---------------------------------------------------------------- capture

std::string ThreadedDataPlane::apply(const contract::AttachCapture& attach) {
  if (capture_) return refuse("attach_capture", "already attached");
  CaptureSettings settings = attach.capture;
  if (!settings.inboundPorts.empty()) {
    for (size_t index = 0; index < attach.inboundListenerIds.size(); ++index) {
      const auto listener = listeners_.find(attach.inboundListenerIds[index]);
      if (listener == listeners_.end()) {
        return refuse("attach_capture.inbound_listener_ids[" + std::to_string(index) + "]",
                      "no such listener");
      }
      for (const UniqueFd& socket : listener->second.sockets) {
        settings.inboundListenerFds.push_back(socket.get());
      }
    }
  }
  settings.ownSource = SocketAddress::v4(OWN_SOURCE, 0);
  Result<std::unique_ptr<Capture>, CaptureError> attached = Capture::attach(settings);
  if (!attached) {
    const CaptureError& error = attached.error();
    return systemRefused(error.step + ": " + error.message, error.osError);
  }
  std::vector<std::string> hooks = attached.value()->hooks();
  capture_ = std::shared_ptr<const Capture>(std::move(attached).value());
  onWorkers([capture = capture_](Worker& worker) { worker.setCapture(capture); });
  return contract::encodeCaptureStatus(hooks);
}

std::string ThreadedDataPlane::apply(const contract::DetachCapture&) {
  if (!capture_) return refuse("detach_capture", "not attached");
  // The hooks go with the last reference: connections still waiting in a worker's backlog are
  // looked up before its own is dropped.
  capture_.reset();
  onWorkers([](Worker& worker) { worker.setCapture(nullptr); });
  return contract::encodeSuccess();
}

}  // namespace

std::unique_ptr<DataPlane> DataPlane::create(std::string_view settings, Wake wake,
                                             std::string& error) {
  Result<contract::Settings, CommandError> decoded = contract::decodeSettings(settings);
  if (!decoded) {
    error = contract::encodeBareError(decoded.error());
    return nullptr;
  }
  auto plane = std::make_unique<ThreadedDataPlane>(std::move(decoded).value(), std::move(wake));
  const Status<> started = plane->startWorkers();
  if (!started) {
    error = contract::encodeBareError(
        {.field = "",
         .message = std::string("cannot start workers: ") + std::strerror(started.error().code),
         .osError = started.error().code});
    return nullptr;
  }
  return plane;
}

}  // namespace mesh
