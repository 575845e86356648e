/* Every map, with its writer, key, value and lifetime. The definitions are weak: each object file
 * carries them, and linking the objects into one (scripts/build-bpf) makes them one.
 */
#ifndef MESH_MAPS_H
#define MESH_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "mesh_types.h"

extern const volatile struct mesh_settings mesh_settings;

/* Sockets of the proxy. Written by user space by descriptor, before connect(). The entry dies with
 * the socket.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} mesh_exempt __weak SEC(".maps");

/* Where a captured socket wanted to go. Written by connect4/6, read by sock_ops and getpeername4/6.
 * The entry dies with the socket, or when the socket connects elsewhere uncaptured.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mesh_redirect);
} mesh_redirects __weak SEC(".maps");

/* Captured connections the proxy has not accepted yet, by the client's address. Written by sock_ops
 * before the SYN leaves, taken away by user space. When full, the least recently used one goes:
 * the proxy then refuses that connection. User space sets the size.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct mesh_address);
	__type(value, struct mesh_pending);
} mesh_pending __weak SEC(".maps");

/* Sets of ports (enum mesh_port_set). Written by user space before attaching. An entry for each
 * word, because an index into a larger value would be arithmetic on pointers, for which some
 * kernels want CAP_PERFMON.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MESH_PORT_SETS *MESH_PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} mesh_port_words __weak SEC(".maps");

/* Networks that are left alone, and networks that are captured whatever else says no. Written by
 * user space before attaching, which sets the sizes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct mesh_network);
	__type(value, __u32);
} mesh_skip_networks __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct mesh_network);
	__type(value, __u32);
} mesh_capture_networks __weak SEC(".maps");

/* Listening sockets of the inbound listener, one of each family (enum mesh_socket_index); each
 * stands for its whole SO_REUSEPORT group. Written by user space before attaching; an entry goes
 * when its socket is closed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, MESH_SOCKETS);
	__type(key, __u32);
	__type(value, __u64);
} mesh_inbound_sockets __weak SEC(".maps");

/* Addresses the proxy is dialling the application from, where no address of its own tells its
 * dials apart (IPv6). Written and removed by user space around each dial.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct mesh_address);
	__type(value, __u32);
} mesh_own_sources __weak SEC(".maps");

/* Verdicts (enum mesh_outcome). Written by the programs, summed over processors by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MESH_OUTCOMES);
	__type(key, __u32);
	__type(value, __u64);
} mesh_outcomes __weak SEC(".maps");

#endif
