// ClientHellos of real programs and hostile ones: whole, in pieces, cut off, and changed.
#include "tls/client-hello.h"

#include <doctest/doctest.h>

#include <vector>

#include "base/random.h"
#include "tls/test-hellos.h"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::testing;
using State = ClientHelloReader::State;

namespace {

struct Outcome {
  State state;
  std::string name;
  bool operator==(const Outcome&) const = default;
};

Outcome outcomeOf(std::string_view bytes) {
  ClientHelloReader reader;
  const State state = reader.read(bytes);
  return {state, reader.serverName()};
}

Outcome outcomeByteByByte(std::string_view bytes) {
  ClientHelloReader reader;
  State state = State::NeedMore;
  for (size_t size = 1; size <= bytes.size(); ++size) state = reader.read(bytes.substr(0, size));
  return {state, reader.serverName()};
}

std::string number(size_t value, int width) {
  std::string bytes;
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(value >> shift));
  }
  return bytes;
}

// With its length in front.
std::string vectorOf(const std::string& content, int width) {
  return number(content.size(), width) + content;
}

std::string extension(size_t type, const std::string& content) {
  return number(type, 2) + vectorOf(content, 2);
}

std::string serverNameExtension(const std::string& name) {
  return extension(0, vectorOf(number(0, 1) + vectorOf(name, 2), 2));
}

std::string record(const std::string& fragment) { return "\x16\x03\x01" + vectorOf(fragment, 2); }

// The parts of a ClientHello, each of which a test may spoil.
struct Parts {
  std::string session = vectorOf(std::string(32, 's'), 1);
  std::string ciphers = vectorOf("\x13\x01\x13\x02", 2);
  std::string compressions = vectorOf(std::string(1, '\0'), 1);
  std::string extensions = vectorOf(serverNameExtension("a.example"), 2);

  std::string message() const {
    return "\x01" + vectorOf("\x03\x03" + std::string(32, 'r') + session + ciphers + compressions +
                                 extensions,
                             3);
  }
  std::string bytes() const { return record(message()); }
};

std::string inRecordsOf(const std::string& message, size_t size) {
  std::string bytes;
  for (size_t at = 0; at < message.size(); at += size) bytes += record(message.substr(at, size));
  return bytes;
}

struct Real {
  std::string_view hex;
  const char* name;
};
constexpr Real REAL[] = {
    {OPENSSL_TLS13, "web.example.com"},
    {OPENSSL_TLS12, "web.example.com"},
    {OPENSSL_TLS10, "old.example.com"},
    {OPENSSL_NO_NAME, ""},
    {NODE, "api.shop.svc.cluster.local"},
    {BROWSER, "cover.example.net"},
    {NO_EXTENSIONS, ""},
};

}  // namespace

TEST_CASE("a ClientHello of a real program gives the name of its server, in lower case") {
  for (const Real& one : REAL) {
    CAPTURE(one.name);
    CHECK(outcomeOf(fromHex(one.hex)) == Outcome{State::Hello, one.name});
  }
}

TEST_CASE("a ClientHello that comes byte by byte is the same") {
  for (const Real& one : REAL) {
    CAPTURE(one.name);
    CHECK(outcomeByteByByte(fromHex(one.hex)) == Outcome{State::Hello, one.name});
  }
}

TEST_CASE("a ClientHello cut off anywhere is never decided") {
  for (const Real& one : REAL) {
    CAPTURE(one.name);
    const std::string bytes = fromHex(one.hex);
    for (size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(size);
      REQUIRE(outcomeOf(bytes.substr(0, size)).state == State::NeedMore);
    }
  }
}

TEST_CASE("a ClientHello may be spread over records of any size") {
  const std::string message = fromHex(BROWSER).substr(5);
  for (const size_t size : {1, 2, 3, 4, 5, 7, 100, 1'000}) {
    CAPTURE(size);
    const std::string bytes = inRecordsOf(message, size);
    CHECK(outcomeOf(bytes) == Outcome{State::Hello, "cover.example.net"});
    CHECK(outcomeByteByByte(bytes) == Outcome{State::Hello, "cover.example.net"});
  }
}

TEST_CASE("what follows the ClientHello does not matter") {
  CHECK(outcomeOf(Parts().bytes() + "early data") == Outcome{State::Hello, "a.example"});
  CHECK(outcomeOf(record(Parts().message() + "another message")) ==
        Outcome{State::Hello, "a.example"});
}

TEST_CASE("bytes that cannot begin a ClientHello are refused at the first that tells") {
  const std::string hello = Parts().bytes();
  struct Row {
    const char* what;
    size_t at;
    char byte;
  };
  const Row rows[] = {
      {"another kind of record", 0, '\x17'},       {"SSL 2", 0, '\x80'},
      {"another major version", 1, '\x02'},        {"another kind of message", 5, '\x02'},
      {"a message of megabytes", 6, '\x40'},       {"a message longer than allowed", 7, '\x7f'},
      {"a message of another version", 9, '\x02'},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    std::string bytes = hello;
    bytes[row.at] = row.byte;
    // The length of a message counts once it is whole.
    const size_t told = row.at == 6 || row.at == 7 ? 9 : row.at + 1;
    CHECK(outcomeOf(bytes.substr(0, told - 1)).state == State::NeedMore);
    CHECK(outcomeOf(bytes.substr(0, told)).state == State::NotTls);
  }
  CHECK(outcomeOf("GET / HTTP/1.1\r\n").state == State::NotTls);
  CHECK(outcomeOf("\x16\x03\x01 not a hello").state == State::NotTls);
}

TEST_CASE("records that TLS forbids are not TLS") {
  const std::string message = Parts().message();
  CHECK(outcomeOf(record("")).state == State::NotTls);
  CHECK(outcomeOf("\x16\x03\x01\x40\x01" + message).state == State::NotTls);
  // RFC 8446 §5.1: nothing may stand between the records of one message.
  const std::string alert("\x15\x03\x01\x00\x02\x01\x00", 7);
  CHECK(outcomeOf(record(message.substr(0, 40)) + alert + record(message.substr(40))).state ==
        State::NotTls);
}

TEST_CASE("a ClientHello that contradicts itself is not TLS") {
  struct Row {
    const char* what;
    Parts parts;
  };
  const std::string name = serverNameExtension("a.example");
  std::vector<Row> rows(15);
  size_t row = 0;
  const auto next = [&](const char* what) -> Parts& {
    rows[row].what = what;
    return rows[row++].parts;
  };
  next("session id too long").session = vectorOf(std::string(33, 's'), 1);
  next("odd cipher suites").ciphers = vectorOf("\x13\x01\x13", 2);
  next("no cipher suites").ciphers = vectorOf("", 2);
  next("cipher suites beyond the end").ciphers = number(0xffff, 2);
  next("no compression").compressions = vectorOf("", 1);
  next("compressions beyond the end").compressions = number(0xff, 1);
  next("extensions too short").extensions = vectorOf(name, 2) + "x";
  next("extensions too long").extensions = number(name.size() + 1, 2) + name;
  next("half an extension").extensions = vectorOf(name + number(1, 2), 2);
  next("extension beyond the end").extensions =
      vectorOf(number(16, 2) + number(0xffff, 2) + "x", 2);
  next("two names").extensions = vectorOf(name + serverNameExtension("b.example"), 2);
  next("empty list of names").extensions = vectorOf(extension(0, vectorOf("", 2)) + name, 2);
  next("name of another type").extensions =
      vectorOf(extension(0, vectorOf(number(1, 1) + vectorOf("a", 2), 2)), 2);
  next("name beyond its extension").extensions =
      vectorOf(extension(0, vectorOf(number(0, 1) + number(9, 2) + "a", 2)) + name, 2);
  next("list beyond its extension").extensions = vectorOf(extension(0, number(99, 2)) + name, 2);
  REQUIRE(row == rows.size());
  for (const Row& one : rows) {
    CAPTURE(one.what);
    CHECK(outcomeOf(one.parts.bytes()) == Outcome{State::NotTls, ""});
    CHECK(outcomeByteByByte(one.parts.bytes()) == Outcome{State::NotTls, ""});
  }
}

TEST_CASE("a name that is no DNS name counts as none") {
  const std::string label(63, 'x');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'y');
  struct Row {
    std::string sent;
    std::string read;
  };
  const Row rows[] = {
      {"a", "a"},
      {"A-b_1.Example.", "a-b_1.example"},
      {longest, longest},
      {longest + ".", longest},
      {"1.example", "1.example"},
      {longest + "y", ""},
      {std::string(300, 'x'), ""},
      {label + "x.example", ""},
      {"127.0.0.1", ""},
      {"::1", ""},
      {"a..b", ""},
      {".a", ""},
      {".", ""},
      {"-a.example", ""},
      {"a-.example", ""},
      {"a b", ""},
      {"a\r\nb", ""},
      {std::string("a\0b", 3), ""},
      {"b\xc3\xbc"
       "cher.example",
       ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sent);
    Parts parts;
    parts.extensions = vectorOf(serverNameExtension(row.sent), 2);
    CHECK(outcomeOf(parts.bytes()) == Outcome{State::Hello, row.read});
  }
}

TEST_CASE("a ClientHello of up to 16 KiB is read, a longer one is not") {
  Parts parts;
  const auto padded = [&](size_t total) {
    parts.extensions = vectorOf(serverNameExtension("a.example") + extension(21, ""), 2);
    const std::string padding(total - parts.bytes().size(), '\0');
    parts.extensions = vectorOf(serverNameExtension("a.example") + extension(21, padding), 2);
    return parts.bytes();
  };
  CHECK(outcomeOf(padded(MAX_CLIENT_HELLO_BYTES)) == Outcome{State::Hello, "a.example"});
  CHECK(outcomeOf(padded(MAX_CLIENT_HELLO_BYTES + 1)).state == State::NotTls);
  // The headers of its records count, so that the smallest ones cannot cost more.
  const std::string message = padded(4'000).substr(5);
  const std::string scattered = inRecordsOf(message, 1);
  CHECK(outcomeOf(scattered.substr(0, MAX_CLIENT_HELLO_BYTES - 1)).state == State::NeedMore);
  CHECK(outcomeOf(scattered).state == State::NotTls);
}

TEST_CASE("bytes changed at random give one outcome, however they come") {
  Random random(11);
  for (const Real& one : REAL) {
    const std::string real = fromHex(one.hex);
    for (int round = 0; round < 300; ++round) {
      std::string bytes = real;
      for (uint32_t changes = 1 + random.below(3); changes > 0; --changes) {
        bytes[random.below(static_cast<uint32_t>(bytes.size()))] = static_cast<char>(random.next());
      }
      REQUIRE(outcomeOf(bytes) == outcomeByteByByte(bytes));
    }
  }
}
