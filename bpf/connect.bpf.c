/* cgroup/connect4 and connect6: send the outbound TCP connections of the workload to the proxy's
 * listener and remember, on the socket, where they wanted to go. What is not captured is not
 * touched: no verdict here ever refuses a connection.
 */
#include "mesh_helpers.h"

#define MESH_SOCK_STREAM 1
#define MESH_IPPROTO_TCP 6

/* Both programs use it; defined here once for all objects. */
const volatile struct mesh_settings mesh_settings = {};

/* Kernels let the application connect in any case: 1 means "go on". */
#define MESH_PROCEED 1

/* MESH_CAPTURED or the reason to leave the connection alone. */
static __always_inline __u32 mesh_judge(struct bpf_sock_addr *ctx, struct bpf_sock *socket,
					const struct mesh_address *destination,
					const struct mesh_address *listener)
{
	if (bpf_sk_storage_get(&mesh_exempt, socket, 0, 0))
		return MESH_LEFT_EXEMPT;
	if (!listener->family)
		return MESH_LEFT_NO_LISTENER;
	if (destination->port == listener->port && mesh_same_ip(destination, listener))
		return MESH_LEFT_OWN_LISTENER;
	if (mesh_settings.netns_cookie && bpf_get_netns_cookie(ctx) != mesh_settings.netns_cookie)
		return MESH_LEFT_NAMESPACE;
	if (socket->bound_dev_if)
		return MESH_LEFT_BOUND_DEVICE;
	if (mesh_is_scoped(destination))
		return MESH_LEFT_SCOPED;
	if (mesh_in_networks(&mesh_capture_networks, destination))
		return MESH_CAPTURED;
	if (!mesh_settings.capture_loopback && mesh_is_loopback(destination))
		return MESH_LEFT_LOOPBACK;
	if (mesh_port_in_set(MESH_PORTS_SKIP_OUTBOUND, destination->port))
		return MESH_LEFT_PORT;
	if (mesh_in_networks(&mesh_skip_networks, destination))
		return MESH_LEFT_NETWORK;
	return MESH_CAPTURED;
}

/* Both are read and one is kept: choosing between their addresses instead would be arithmetic on
 * pointers, which the kernel allows with CAP_PERFMON only.
 */
static __always_inline void mesh_read_listener(struct mesh_address *listener, __u16 family)
{
	struct mesh_address v6;

	mesh_read_setting(listener, &mesh_settings.outbound_v4);
	mesh_read_setting(&v6, &mesh_settings.outbound_v6);
	if (family == MESH_IPV6)
		*listener = v6;
}

/* True when the connection is to be sent to `listener`, that of the destination's family. */
static __always_inline int mesh_capture(struct bpf_sock_addr *ctx, struct mesh_address *destination,
					struct mesh_address *listener)
{
	struct bpf_sock *socket = ctx->sk;
	struct mesh_redirect *redirect;
	__u32 outcome;

	if (ctx->type != MESH_SOCK_STREAM || ctx->protocol != MESH_IPPROTO_TCP || !socket)
		return 0;
	mesh_read_listener(listener, destination->family);
	destination->port = bpf_ntohs((__u16)ctx->user_port);
	outcome = mesh_judge(ctx, socket, destination, listener);
	if (outcome == MESH_CAPTURED) {
		redirect = bpf_sk_storage_get(&mesh_redirects, socket, 0,
					      BPF_SK_STORAGE_GET_F_CREATE);
		if (redirect) {
			redirect->original = *destination;
			redirect->listener_family = destination->family;
			mesh_count(MESH_CAPTURED);
			return 1;
		}
		outcome = MESH_FAILED_STORAGE;
	}
	/* A socket may be connected again after an attempt that was captured. */
	bpf_sk_storage_delete(&mesh_redirects, socket);
	mesh_count(outcome);
	return 0;
}

/* connect(2) takes the unspecified address for loopback; so do the rules, and so does the proxy,
 * which dials it later.
 */
static __always_inline __u32 mesh_meant_ipv4(__u32 word)
{
	return word ? word : bpf_htonl(0x7f000001);
}

SEC("cgroup/connect4")
int mesh_connect4(struct bpf_sock_addr *ctx)
{
	struct mesh_address destination;
	struct mesh_address listener;

	mesh_set_ipv4(&destination, mesh_meant_ipv4(ctx->user_ip4));
	if (mesh_capture(ctx, &destination, &listener)) {
		ctx->user_ip4 = mesh_word(&listener, 0);
		ctx->user_port = bpf_htons(listener.port);
	}
	return MESH_PROCEED;
}

SEC("cgroup/connect6")
int mesh_connect6(struct bpf_sock_addr *ctx)
{
	__u32 words[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
	struct mesh_address destination;
	struct mesh_address listener;

	if (!words[0] && !words[1]) {
		if (words[2] == bpf_htonl(0xffff))
			words[3] = mesh_meant_ipv4(words[3]);
		else if (!words[2] && !words[3])
			words[3] = bpf_htonl(1);
	}
	mesh_set_ipv6(&destination, words);
	if (!mesh_capture(ctx, &destination, &listener))
		return MESH_PROCEED;
	ctx->user_port = bpf_htons(listener.port);
	if (listener.family == MESH_IPV4) {
		/* The destination was IPv4-mapped and stays so. */
		ctx->user_ip6[0] = 0;
		ctx->user_ip6[1] = 0;
		ctx->user_ip6[2] = bpf_htonl(0xffff);
		ctx->user_ip6[3] = mesh_word(&listener, 0);
	} else {
		ctx->user_ip6[0] = mesh_word(&listener, 0);
		ctx->user_ip6[1] = mesh_word(&listener, 1);
		ctx->user_ip6[2] = mesh_word(&listener, 2);
		ctx->user_ip6[3] = mesh_word(&listener, 3);
	}
	return MESH_PROCEED;
}

char mesh_connect_license[] SEC("license") = "GPL";
