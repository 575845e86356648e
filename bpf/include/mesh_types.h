/* Every structure shared by the eBPF programs and native/ebpf. C only, fixed-width types, no hidden
 * padding; native/ebpf/capture-tables.cc asserts size and offsets. Addresses are in network order,
 * ports in host order, wherever they are stored.
 */
#ifndef MESH_TYPES_H
#define MESH_TYPES_H

#include <linux/types.h>

/* Linux' AF_INET and AF_INET6, which UAPI headers do not name. */
#define MESH_IPV4 2
#define MESH_IPV6 10

/* An IPv4 address takes the first 4 bytes of `ip`; the rest is zero. An IPv4-mapped IPv6 address
 * is always stored as IPv4, so one peer has one spelling.
 */
struct mesh_address {
	__u8 ip[16];
	__u16 port;
	__u16 family;
};

/* Read-only data of the programs, fixed when they are loaded. */
struct mesh_settings {
	/* Listeners that outbound connections are sent to; family 0: none. */
	struct mesh_address outbound_v4;
	struct mesh_address outbound_v6;
	/* Source address of the proxy's own dials to the application; family 0: none. */
	struct mesh_address own_source;
	__u32 capture_loopback;
	/* The proxy's network namespace; 0: the kernel cannot tell (before 5.14). */
	__u64 netns_cookie;
};

/* Kept on the client's socket from connect() on. */
struct mesh_redirect {
	/* Where the application wanted to go. */
	struct mesh_address original;
	/* Family of the listener it was sent to. */
	__u32 listener_family;
};

/* What the proxy takes by the client's address. */
struct mesh_pending {
	struct mesh_address original;
	__u32 reserved;
	/* The client's socket. */
	__u64 cookie;
	/* CLOCK_MONOTONIC when the client's socket was closed; 0: it is open. */
	__u64 closed_ns;
};

/* Key of the longest-prefix tries. The family is part of the prefix: `prefix_length` is 32 plus
 * the length of the network's own prefix.
 */
struct mesh_network {
	__u32 prefix_length;
	__u32 family;
	__u8 ip[16];
};

/* Sets of ports as bits in 64-bit words: word MESH_PORT_WORDS * set + port / 64, bit port % 64. */
#define MESH_PORT_WORDS 1024

enum mesh_port_set {
	MESH_PORTS_SKIP_OUTBOUND = 0,
	MESH_PORTS_INBOUND = 1,
	MESH_PORT_SETS = 2,
};

enum mesh_socket_index {
	MESH_SOCKET_IPV4 = 0,
	MESH_SOCKET_IPV6 = 1,
	MESH_SOCKETS = 2,
};

/* What became of the TCP connections seen. One count for each connect() and one for each arriving
 * connection of an inbound port; MESH_FAILED_PENDING comes on top of MESH_CAPTURED.
 */
enum mesh_outcome {
	MESH_CAPTURED = 0,
	MESH_LEFT_EXEMPT = 1, /* a socket of the proxy */
	MESH_LEFT_NO_LISTENER = 2, /* no listener of this family */
	MESH_LEFT_OWN_LISTENER = 3, /* dialled the proxy's listener itself */
	MESH_LEFT_LOOPBACK = 4,
	MESH_LEFT_PORT = 5,
	MESH_LEFT_NETWORK = 6,
	MESH_LEFT_NAMESPACE = 7, /* the socket is in another network namespace */
	MESH_LEFT_BOUND_DEVICE = 8, /* SO_BINDTODEVICE: must not leave its device */
	MESH_LEFT_SCOPED = 9, /* IPv6 link-local: means nothing without its interface */
	MESH_FAILED_STORAGE = 10, /* no memory to remember the destination: left alone */
	MESH_FAILED_PENDING = 11, /* the proxy will not find the destination: it refuses */
	MESH_STEERED = 12,
	MESH_PASSED_OWN_SOURCE = 13, /* the proxy's own dial to the application */
	MESH_FAILED_STEERING = 14, /* no listening socket would take it: left alone */
	MESH_OUTCOMES = 15,
};

#endif
