// The end of a client connection whose last response must arrive: writes what is left, sends FIN,
// then reads and discards until the client has closed too. Closing with unread input would send
// RST, which can destroy the response on its way (RFC 9112 §9.6). Bounded in time and bytes.
#pragma once

#include <memory>

#include "io/buffer-pool.h"
#include "proxy/connection.h"
#include "proxy/socket-end.h"

namespace mesh {

class Worker;

class LingeringClose final : public Connection, public IoHandler {
 public:
  // `rest` is written first.
  static void start(Worker& worker, std::unique_ptr<SocketEnd> client, Buffer rest);

  void onIo(uint32_t fresh) override;
  void onDrain() override {}
  void onDestinationRemoved(const Destination&) override {}
  void cut(Reason) override;

 private:
  LingeringClose(Worker& worker, std::unique_ptr<SocketEnd> client, Buffer rest);
  void advance();
  void end();

  Worker& worker_;
  std::unique_ptr<SocketEnd> client_;
  Buffer rest_;
  Timer timer_;
  size_t discarded_ = 0;
};

}  // namespace mesh
