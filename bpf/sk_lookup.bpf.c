/* sk_lookup: connections that arrive for a chosen port are given to the proxy's inbound listener,
 * whatever address it listens on. The accepted socket keeps the address the peer dialled. The
 * proxy's own dials to the application are let through: they come from a source address, or from
 * an address and port, that nobody else uses.
 */
#include "mesh_helpers.h"

#define MESH_IPPROTO_TCP 6

static __always_inline void mesh_ends(struct bpf_sk_lookup *ctx, struct mesh_address *remote,
				      struct mesh_address *local)
{
	if (ctx->family == MESH_IPV4) {
		mesh_set_ipv4(remote, ctx->remote_ip4);
		mesh_set_ipv4(local, ctx->local_ip4);
	} else {
		__u32 remote_words[4] = { ctx->remote_ip6[0], ctx->remote_ip6[1],
					  ctx->remote_ip6[2], ctx->remote_ip6[3] };
		__u32 local_words[4] = { ctx->local_ip6[0], ctx->local_ip6[1], ctx->local_ip6[2],
					 ctx->local_ip6[3] };
		mesh_set_ipv6(remote, remote_words);
		mesh_set_ipv6(local, local_words);
	}
	remote->port = bpf_ntohs((__u16)ctx->remote_port);
	local->port = (__u16)ctx->local_port;
}

/* A socket of the proxy that is bound to a port but to no address is known by its port; its
 * address is then the one it dials, since the kernel prefers that for a local destination
 * (RFC 6724 rule 1). Nobody else on the network can complete a handshake from there.
 */
static __always_inline int mesh_is_own_dial(const struct mesh_address *remote,
					    const struct mesh_address *local)
{
	struct mesh_address own_source;
	struct mesh_address wildcard;

	mesh_read_setting(&own_source, &mesh_settings.own_source);
	if (own_source.family && mesh_same_ip(remote, &own_source))
		return 1;
	if (bpf_map_lookup_elem(&mesh_own_sources, remote))
		return 1;
	if (!mesh_same_ip(remote, local))
		return 0;
	__builtin_memset(&wildcard, 0, sizeof(wildcard));
	wildcard.port = remote->port;
	wildcard.family = remote->family;
	return bpf_map_lookup_elem(&mesh_own_sources, &wildcard) != 0;
}

SEC("sk_lookup")
int mesh_sk_lookup(struct bpf_sk_lookup *ctx)
{
	struct mesh_address remote;
	struct mesh_address local;
	struct bpf_sock *listener;
	__u32 index = ctx->family == MESH_IPV4 ? MESH_SOCKET_IPV4 : MESH_SOCKET_IPV6;
	long refused;

	if (ctx->protocol != MESH_IPPROTO_TCP ||
	    !mesh_port_in_set(MESH_PORTS_INBOUND, (__u16)ctx->local_port))
		return SK_PASS;
	mesh_ends(ctx, &remote, &local);
	if (mesh_is_own_dial(&remote, &local)) {
		mesh_count(MESH_PASSED_OWN_SOURCE);
		return SK_PASS;
	}
	/* One socket stands for its SO_REUSEPORT group: the kernel chooses among the group. */
	listener = bpf_map_lookup_elem(&mesh_inbound_sockets, &index);
	if (!listener && index == MESH_SOCKET_IPV4) {
		/* An IPv6 socket that is not limited to IPv6 takes IPv4, too. */
		index = MESH_SOCKET_IPV6;
		listener = bpf_map_lookup_elem(&mesh_inbound_sockets, &index);
	}
	if (!listener) {
		mesh_count(MESH_FAILED_STEERING);
		return SK_PASS;
	}
	refused = bpf_sk_assign(ctx, listener, 0);
	bpf_sk_release(listener);
	mesh_count(refused ? MESH_FAILED_STEERING : MESH_STEERED);
	return SK_PASS;
}
