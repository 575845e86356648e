/* Stands for a CNI's socket load balancer: on the cgroup above the workload's, rewrites one virtual
 * address to one backend and counts what it saw, so that a test can tell who came first.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* In network order, set before loading. */
const volatile __u32 cluster_ip = 0;
const volatile __u16 cluster_port = 0;
const volatile __u32 backend_ip = 0;
const volatile __u16 backend_port = 0;

__u64 rewritten = 0;
__u64 seen = 0;

SEC("cgroup/connect4")
int cluster_ip_connect4(struct bpf_sock_addr *ctx)
{
	__sync_fetch_and_add(&seen, 1);
	if (ctx->user_ip4 == cluster_ip && (__u16)ctx->user_port == cluster_port) {
		ctx->user_ip4 = backend_ip;
		ctx->user_port = backend_port;
		__sync_fetch_and_add(&rewritten, 1);
	}
	return 1;
}

char cluster_ip_license[] SEC("license") = "GPL";
