// A proxy between one listening server and clients, for exchanges over any two protocols. Not part of
// the product.
#pragma once

#include <memory>
#include <string>

#include "base/test-bytes.h"
#include "proxy/testing-http2.h"

namespace mesh::testing {

struct ExchangeScene {
  explicit ExchangeScene(contract::EndpointProtocol spoken,
                         contract::Settings settings = testSettings(),
                         Direction direction = Direction::Outbound,
                         contract::PutTarget target = testTarget(1))
      : worker(std::move(settings)) {
    target.endpointProtocol = spoken;
    worker.putTarget(target);
    worker.addEndpoint(1, server.address());
    worker.putDestination({.id = 1,
                           .direction = direction,
                           .address = {},
                           .protocol = contract::Protocol::Detect,
                           .detectTimeoutMs = 60'000,
                           .targetId = 1,
                           .authorities = {}});
    // No early dial, which a test would take for the connection of its request.
    worker.run([](Worker& inside) { inside.destination(1)->learned = Learned::ClientFirst; });
    address = worker.listenFor({.id = 1,
                                .direction = direction,
                                .address = loopback(0),
                                .source = contract::OriginalDestinationSource::Fixed,
                                .destinationId = 1});
  }
  TestPeer http1Client() const { return TestPeer::connectTo(address); }
  std::unique_ptr<Http2Peer> http2Client() const {
    return std::make_unique<Http2Peer>(http2::Role::Client, TestPeer::connectTo(address));
  }
  std::unique_ptr<Http2Peer> acceptHttp2(http2::Settings settings = {}) {
    return std::make_unique<Http2Peer>(http2::Role::Server, server.accept(), settings);
  }

  TestServer server;
  TestWorker worker;
  SocketAddress address;
};

// Of a chunked body: chunks of `size`, the last one, trailers.
inline std::string chunked(std::string_view body, size_t size, std::string_view trailers = "") {
  std::string text;
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, size);
    char head[32];
    snprintf(head, sizeof head, "%zx\r\n", piece.size());
    text.append(head).append(piece).append("\r\n");
    body.remove_prefix(piece.size());
  }
  return text.append("0\r\n").append(trailers).append("\r\n");
}

// The data of a chunked body that begins `text`, up to its last chunk.
inline std::string dechunked(std::string_view text) {
  std::string body;
  for (;;) {
    const size_t size = std::stoul(std::string(text.substr(0, text.find('\r'))), nullptr, 16);
    text.remove_prefix(text.find('\n') + 1);
    if (size == 0) return body;
    body.append(text.substr(0, size));
    text.remove_prefix(size + 2);
  }
}

}  // namespace mesh::testing
