/* Small inline helpers of the programs: addresses, sets of ports and networks, counting. */
#ifndef MESH_HELPERS_H
#define MESH_HELPERS_H

#include <bpf/bpf_endian.h>

#include "mesh_maps.h"

static __always_inline void mesh_count(__u32 outcome)
{
	__u64 *count = bpf_map_lookup_elem(&mesh_outcomes, &outcome);

	if (count)
		*count += 1;
}

static __always_inline void mesh_set_ipv4(struct mesh_address *address, __u32 network_order)
{
	__builtin_memset(address, 0, sizeof(*address));
	__builtin_memcpy(address->ip, &network_order, sizeof(network_order));
	address->family = MESH_IPV4;
}

/* The four words as the kernel has them, in network order. IPv4-mapped becomes IPv4. */
static __always_inline void mesh_set_ipv6(struct mesh_address *address, const __u32 words[4])
{
	if (words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff)) {
		mesh_set_ipv4(address, words[3]);
		return;
	}
	__builtin_memset(address, 0, sizeof(*address));
	__builtin_memcpy(address->ip, words, sizeof(address->ip));
	address->family = MESH_IPV6;
}

/* The bytes of an address as words, in network order. Word by word: the programs run on
 * architectures where nothing promises that an address on the stack is aligned for 8 bytes.
 */
static __always_inline __u32 mesh_word(const struct mesh_address *address, int index)
{
	__u32 word;

	__builtin_memcpy(&word, address->ip + index * 4, sizeof(word));
	return word;
}

/* Addresses of the settings are read as volatile: without it the compiler, who sees the zeros they
 * are initialised with, would use those instead of what user space wrote before loading.
 */
static __always_inline void mesh_read_setting(struct mesh_address *to,
					      const volatile struct mesh_address *from)
{
	const volatile __u32 *words = (const volatile __u32 *)from;
	__u32 copy[5] = { words[0], words[1], words[2], words[3], words[4] };

	__builtin_memcpy(to, copy, sizeof(*to));
}

static __always_inline int mesh_same_ip(const struct mesh_address *a, const struct mesh_address *b)
{
	return a->family == b->family && mesh_word(a, 0) == mesh_word(b, 0) &&
	       mesh_word(a, 1) == mesh_word(b, 1) && mesh_word(a, 2) == mesh_word(b, 2) &&
	       mesh_word(a, 3) == mesh_word(b, 3);
}

static __always_inline int mesh_is_loopback(const struct mesh_address *address)
{
	if (address->family == MESH_IPV4)
		return address->ip[0] == 127;
	return mesh_word(address, 0) == 0 && mesh_word(address, 1) == 0 &&
	       mesh_word(address, 2) == 0 && mesh_word(address, 3) == bpf_htonl(1);
}

/* fe80::/10 */
static __always_inline int mesh_is_scoped(const struct mesh_address *address)
{
	return address->family == MESH_IPV6 && address->ip[0] == 0xfe &&
	       (address->ip[1] & 0xc0) == 0x80;
}

static __always_inline int mesh_port_in_set(enum mesh_port_set set, __u16 port)
{
	__u32 index = set * MESH_PORT_WORDS + (port >> 6);
	const __u64 *word = bpf_map_lookup_elem(&mesh_port_words, &index);

	return word && ((*word >> (port & 63)) & 1);
}

/* A macro because a map can be named but not passed to a function that is not inlined. */
#define mesh_in_networks(map, address)                                                             \
	({                                                                                         \
		struct mesh_network mesh_key = {                                                   \
			.prefix_length = 32 + ((address)->family == MESH_IPV4 ? 32 : 128),         \
			.family = (address)->family,                                               \
		};                                                                                 \
		__builtin_memcpy(mesh_key.ip, (address)->ip, sizeof(mesh_key.ip));                 \
		bpf_map_lookup_elem(map, &mesh_key) != 0;                                          \
	})

#endif
