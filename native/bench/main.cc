// sluice_bench SNAPSHOT.textproto: runs the data plane from a contract.Snapshot, without Node, until
// SIGTERM or SIGINT. Prints `listening ID ADDRESS` for each listener, when it is open, and what the
// data plane logs or refuses to standard error. Exit code: 64 usage, 66 file unreadable, 65 snapshot
// not understood, 69 refused by the system.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "contract.pb.h"
#include "contract/commands.h"
#include "proxy/data-plane.h"

namespace {

namespace pb = ::sluice::contract;
using mesh::contract::TextSnapshot;

constexpr int EXIT_USAGE = 64;
constexpr int EXIT_DATA = 65;
constexpr int EXIT_NO_INPUT = 66;
constexpr int EXIT_UNAVAILABLE = 69;

int refuse(const char* file, const TextSnapshot::Place& place, const pb::CommandError& error) {
  std::fprintf(stderr, "%s:%d:%d: %s%s%s%s%s\n", file, place.line, place.column,
               error.field().c_str(), error.field().empty() ? "" : ": ", error.message().c_str(),
               error.os_error() == 0 ? "" : ": ",
               error.os_error() == 0 ? "" : std::strerror(error.os_error()));
  return error.field().empty() ? EXIT_UNAVAILABLE : EXIT_DATA;
}

// Nobody answers discoveries here; log lines and failures are worth reading.
void printEvents(const std::string& bytes) {
  pb::EventBatch batch;
  if (bytes.empty() || !batch.ParseFromString(bytes)) return;
  for (const pb::Event& event : batch.events()) {
    if (event.has_log() || event.has_failure()) {
      std::fprintf(stderr, "%s\n", event.ShortDebugString().c_str());
    }
  }
}

// 0, or the exit code.
int apply(const char* file, const TextSnapshot& snapshot, mesh::DataPlane& plane) {
  for (const TextSnapshot::Part& part : snapshot.commands) {
    pb::CommandResult result;
    if (!result.ParseFromString(plane.command(part.bytes))) return EXIT_DATA;
    if (result.has_error()) return refuse(file, part.place, result.error());
    if (!result.has_bound()) continue;
    pb::Command command;
    if (!command.ParseFromString(part.bytes)) return EXIT_DATA;
    auto bound = mesh::SocketAddress::fromBytes(result.bound().ip(), result.bound().port());
    std::printf("listening %u %s\n", command.listen().id(),
                bound.value_or(mesh::SocketAddress()).toString().c_str());
    std::fflush(stdout);
  }
  return 0;
}

// Returns when a signal asks to end. SIGUSR1 is the data plane's wake-up.
void serve(mesh::DataPlane& plane, const sigset_t& signals) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    printEvents(plane.takeEvents());
    if (signal != SIGUSR1) return;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 || arguments[1][0] == '-') {
    std::fprintf(stderr, "usage: %s SNAPSHOT.textproto\n", arguments[0]);
    return EXIT_USAGE;
  }
  const char* file = arguments[1];
  std::ifstream input(file);
  std::string text(std::istreambuf_iterator<char>(input), {});
  if (!input) {
    std::fprintf(stderr, "%s: %s\n", file, std::strerror(errno));
    return EXIT_NO_INPUT;
  }
  auto snapshot = mesh::contract::readTextSnapshot(text);
  if (!snapshot) {
    std::fprintf(stderr, "%s:%s\n", file, snapshot.error().message.c_str());
    return EXIT_DATA;
  }

  // Blocked before the workers start, so that they inherit it and only `serve` takes them.
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  std::string refusal;
  const pid_t self = getpid();
  auto plane = mesh::DataPlane::create(
      snapshot.value().settings.bytes, [self] { kill(self, SIGUSR1); }, refusal);
  if (!plane) {
    pb::CommandError error;
    if (!error.ParseFromString(refusal)) return EXIT_DATA;
    return refuse(file, snapshot.value().settings.place, error);
  }
  if (int code = apply(file, snapshot.value(), *plane)) return code;
  serve(*plane, signals);
  return 0;
}
