// See lingering-close.h.
#include "proxy/lingering-close.h"

#include "proxy/worker.h"

namespace mesh {

namespace {
constexpr uint64_t LINGER_MS = 2'000;
constexpr size_t LINGER_BYTES = 1 << 20;
}  // namespace

void LingeringClose::start(Worker& worker, std::unique_ptr<SocketEnd> client, Buffer rest) {
  std::unique_ptr<LingeringClose> closing(
      new LingeringClose(worker, std::move(client), std::move(rest)));
  LingeringClose& self = *closing;
  worker.adopt(std::move(closing));
  self.advance();
}

LingeringClose::LingeringClose(Worker& worker, std::unique_ptr<SocketEnd> client, Buffer rest)
    : worker_(worker),
      client_(std::move(client)),
      rest_(std::move(rest)),
      timer_([](void* self) { static_cast<LingeringClose*>(self)->end(); }, this) {
  client_->setHandler(*this);
  worker_.loop().schedule(timer_, LINGER_MS);
}

void LingeringClose::onIo(uint32_t) {
  if (linked()) advance();
}

void LingeringClose::cut(Reason) {
  client_->abort();
  end();
}

void LingeringClose::advance() {
  while (!rest_.empty()) {
    if (!client_->writable()) return;
    const IoCount wrote = client_->write(rest_.view());
    if (wrote.bytes < 0) {
      if (!wrote.blocked()) end();
      return;
    }
    rest_.consumed(static_cast<size_t>(wrote.bytes));
  }
  client_->finishWriting();
  char discard[4096];
  while (client_->readable()) {
    const IoCount got = client_->read(discard, sizeof discard);
    if (got.bytes < 0 && got.blocked()) return;
    if (got.bytes <= 0) {
      end();
      return;
    }
    discarded_ += static_cast<size_t>(got.bytes);
    if (discarded_ > LINGER_BYTES) {
      end();
      return;
    }
  }
}

void LingeringClose::end() {
  worker_.loop().cancel(timer_);
  worker_.retire(*this);
}

}  // namespace mesh
