/* sock_ops: tells the proxy where a captured connection wanted to go, keyed by the client's
 * address, which is what the proxy learns from accept().
 *
 * The record is made in TCP_CONNECT_CB: the source address and port are chosen by then and the SYN
 * has not left, so it is there before the proxy can accept the connection. A port that is used
 * again never meets an old record:
 *   connect() was captured       -> the record is written anew
 *   connect() was not captured   -> a record under the same address is removed
 *   the attempt failed           -> its record is removed
 *   the client closed            -> the record is dated; user space ignores it when it is too old.
 *                                   Not removed: a client may send and close before the proxy
 *                                   comes to accepting.
 */
#include "mesh_helpers.h"

static __always_inline void mesh_local_address(struct bpf_sock_ops *ctx, __u32 family,
					       struct mesh_address *local)
{
	if (family == MESH_IPV4) {
		/* Also there on IPv6 sockets that speak IPv4. */
		mesh_set_ipv4(local, ctx->local_ip4);
	} else {
		__u32 words[4] = { ctx->local_ip6[0], ctx->local_ip6[1], ctx->local_ip6[2],
				   ctx->local_ip6[3] };
		mesh_set_ipv6(local, words);
	}
	local->port = (__u16)ctx->local_port;
}

static __always_inline void mesh_record(struct bpf_sock_ops *ctx,
					const struct mesh_redirect *redirect)
{
	struct mesh_pending pending = {};
	struct mesh_address local;

	mesh_local_address(ctx, redirect->listener_family, &local);
	pending.original = redirect->original;
	pending.cookie = bpf_get_socket_cookie(ctx);
	if (bpf_map_update_elem(&mesh_pending, &local, &pending, BPF_ANY))
		mesh_count(MESH_FAILED_PENDING);
	/* Other programs may have asked for other calls on this socket. */
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void mesh_closed(struct bpf_sock_ops *ctx,
					const struct mesh_redirect *redirect)
{
	struct mesh_pending *pending;
	struct mesh_address local;

	mesh_local_address(ctx, redirect->listener_family, &local);
	pending = bpf_map_lookup_elem(&mesh_pending, &local);
	if (!pending || pending->cookie != bpf_get_socket_cookie(ctx))
		return;
	if (ctx->args[0] == BPF_TCP_SYN_SENT)
		bpf_map_delete_elem(&mesh_pending, &local);
	else
		pending->closed_ns = bpf_ktime_get_ns();
}

/* A connection that was left alone starts from an address that an older one may have had. */
static __always_inline void mesh_forget(struct bpf_sock_ops *ctx)
{
	struct mesh_address local;

	mesh_local_address(ctx, ctx->family, &local);
	bpf_map_delete_elem(&mesh_pending, &local);
}

SEC("sockops")
int mesh_sock_ops(struct bpf_sock_ops *ctx)
{
	const struct mesh_redirect *redirect;

	if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ctx->op != BPF_SOCK_OPS_STATE_CB)
		return 1;
	if (!ctx->sk)
		return 1;
	redirect = bpf_sk_storage_get(&mesh_redirects, ctx->sk, 0, 0);
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		if (redirect)
			mesh_record(ctx, redirect);
		else
			mesh_forget(ctx);
	} else if (redirect && ctx->args[1] == BPF_TCP_CLOSE) {
		mesh_closed(ctx, redirect);
	}
	return 1;
}
