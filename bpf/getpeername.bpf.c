/* cgroup/getpeername4 and getpeername6: the application sees the address it dialled, not the
 * proxy's listener. Sockets that were not captured keep their answer.
 */
#include "mesh_helpers.h"

/* These hooks may only ever answer 1. */
#define MESH_PROCEED 1

SEC("cgroup/getpeername4")
int mesh_getpeername4(struct bpf_sock_addr *ctx)
{
	const struct mesh_redirect *redirect;

	if (!ctx->sk)
		return MESH_PROCEED;
	redirect = bpf_sk_storage_get(&mesh_redirects, ctx->sk, 0, 0);
	if (redirect && redirect->original.family == MESH_IPV4) {
		ctx->user_ip4 = mesh_word(&redirect->original, 0);
		ctx->user_port = bpf_htons(redirect->original.port);
	}
	return MESH_PROCEED;
}

SEC("cgroup/getpeername6")
int mesh_getpeername6(struct bpf_sock_addr *ctx)
{
	const struct mesh_redirect *redirect;

	if (!ctx->sk)
		return MESH_PROCEED;
	redirect = bpf_sk_storage_get(&mesh_redirects, ctx->sk, 0, 0);
	if (!redirect)
		return MESH_PROCEED;
	ctx->user_port = bpf_htons(redirect->original.port);
	if (redirect->original.family == MESH_IPV4) {
		ctx->user_ip6[0] = 0;
		ctx->user_ip6[1] = 0;
		ctx->user_ip6[2] = bpf_htonl(0xffff);
		ctx->user_ip6[3] = mesh_word(&redirect->original, 0);
	} else {
		ctx->user_ip6[0] = mesh_word(&redirect->original, 0);
		ctx->user_ip6[1] = mesh_word(&redirect->original, 1);
		ctx->user_ip6[2] = mesh_word(&redirect->original, 2);
		ctx->user_ip6[3] = mesh_word(&redirect->original, 3);
	}
	return MESH_PROCEED;
}
