// The HTTP/1.1 handshake of WebSocket (RFC 6455 §4), which the proxy makes on behalf of HTTP/2
// clients: in HTTP/2 the protocol has none (RFC 8441 §5).
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "http/head.h"

namespace mesh {

// A fresh Sec-WebSocket-Key.
std::string websocketKey(Random& random);
// The Sec-WebSocket-Accept that answers it.
std::string websocketAccept(std::string_view key);

// Makes an extended CONNECT the GET that asks for an upgrade with `key`. False when the head has no
// room for what it needs.
bool askForWebsocket(RequestHead& head, std::string_view key);
// Whether a 101 answers the request that `askForWebsocket` made.
bool agreesToWebsocket(const ResponseHead& head, std::string_view key);
// Makes that 101 the 200 that answers an extended CONNECT.
void acceptWebsocket(ResponseHead& head);

}  // namespace mesh
