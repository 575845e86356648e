// What the policy of a server makes of requests, and of connections that are not HTTP (reference §3.7):
// who is allowed, how often, and what is said and counted of it. Tables without one ask nothing.
// Requests are judged each by itself; a connection when it is accepted, and again with each change.
#pragma once

#include <optional>
#include <string>

#include "proxy/request-route.h"

namespace mesh {

// Nothing: the request may follow this rule of the table.
std::optional<Refusal> authorizeRequest(Worker& worker, const Asker& asker,
                                        const route::RouteTable& table, const route::Rule& rule);
// Counts the request against the limits of the port. Nothing: it may go on.
std::optional<Refusal> limitRequest(Worker& worker, const Asker& asker,
                                    const route::RouteTable& table);
// No rule of the table matches; why there is none.
Refusal refuseUnrouted(const Asker& asker, const route::RouteTable& table, const RequestHead& head);

// Unpoliced: nobody is asked.
enum class Permit : uint8_t { Unpoliced, Allowed, Denied };

// Whether a connection that is not HTTP may be, as the policy is now.
Permit permitOf(Worker& worker, const Asker& asker);
// The same, said and counted. Once for each connection.
Permit admitConnection(Worker& worker, const Asker& asker);
// Says and counts that a connection which was allowed no longer is.
void noteTermination(Worker& worker, const Asker& asker);
// Why a connection is denied, in words.
std::string denialOf(Worker& worker, const Asker& asker);

}  // namespace mesh
