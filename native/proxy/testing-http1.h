// A proxy between one HTTP/1 server and one client connection, and the messages they exchange. Not part of
// the product.
#pragma once

#include <string>

#include "proxy/testing.h"

namespace mesh::testing {

inline const std::string HTTP1_OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

inline std::string http1Get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: web.mesh\r\n\r\n";
}

struct Http1Scene {
  explicit Http1Scene(contract::Settings settings = testSettings())
      : worker(std::move(settings)),
        proxy(worker.serve(contract::Protocol::Http1, server.address())),
        client(TestPeer::connectTo(proxy)) {}
  TestServer server;
  TestWorker worker;
  SocketAddress proxy;
  TestPeer client;
};

}  // namespace mesh::testing
