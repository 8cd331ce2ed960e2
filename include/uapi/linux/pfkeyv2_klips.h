/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PF_KEYv2 (RFC 2367) as KLIPS speaks it.
 *
 * The numbers above those of the RFC differ from those of <linux/pfkeyv2.h>, so every name here starts with KLIPS_ or
 * klips_ and both headers can be included. Lengths are in words of 64 bits and include the header. Integers are in the
 * machine's byte order, except for __be types and the insides of socket addresses. NAT-T ports are in the machine's
 * byte order too.
 */
#ifndef _UAPI_LINUX_PFKEYV2_KLIPS_H
#define _UAPI_LINUX_PFKEYV2_KLIPS_H

#include <linux/types.h>

/* Message types. */
#define KLIPS_SADB_GETSPI		1
#define KLIPS_SADB_UPDATE		2
#define KLIPS_SADB_ADD			3
#define KLIPS_SADB_DELETE		4
#define KLIPS_SADB_GET			5
#define KLIPS_SADB_ACQUIRE		6
#define KLIPS_SADB_REGISTER		7
#define KLIPS_SADB_EXPIRE		8
#define KLIPS_SADB_FLUSH		9
#define KLIPS_SADB_DUMP			10	/* answered with ENOSYS */
#define KLIPS_SADB_X_PROMISC		11	/* answered with ENOSYS */
#define KLIPS_SADB_X_PCHANGE		12	/* answered with ENOSYS */
#define KLIPS_SADB_X_GRPSA		13
#define KLIPS_SADB_X_ADDFLOW		14
#define KLIPS_SADB_X_DELFLOW		15
#define KLIPS_SADB_X_DEBUG		16
#define KLIPS_SADB_X_NAT_T_NEW_MAPPING	17
#define KLIPS_SADB_X_PLUMBIF		18
#define KLIPS_SADB_X_UNPLUMBIF		19

/* Satypes that have a protocol. */
#define KLIPS_SADB_SATYPE_AH		2
#define KLIPS_SADB_SATYPE_ESP		3
#define KLIPS_SADB_X_SATYPE_IPIP	9
#define KLIPS_SADB_X_SATYPE_COMP	10
#define KLIPS_SADB_X_SATYPE_INT		11

/* Extension types. */
#define KLIPS_SADB_EXT_SA			1
#define KLIPS_SADB_EXT_LIFETIME_CURRENT		2
#define KLIPS_SADB_EXT_LIFETIME_HARD		3
#define KLIPS_SADB_EXT_LIFETIME_SOFT		4
#define KLIPS_SADB_EXT_ADDRESS_SRC		5
#define KLIPS_SADB_EXT_ADDRESS_DST		6
#define KLIPS_SADB_EXT_ADDRESS_PROXY		7
#define KLIPS_SADB_EXT_KEY_AUTH			8
#define KLIPS_SADB_EXT_KEY_ENCRYPT		9
#define KLIPS_SADB_EXT_IDENTITY_SRC		10
#define KLIPS_SADB_EXT_IDENTITY_DST		11
#define KLIPS_SADB_EXT_SENSITIVITY		12
#define KLIPS_SADB_EXT_PROPOSAL			13
#define KLIPS_SADB_EXT_SUPPORTED_AUTH		14
#define KLIPS_SADB_EXT_SUPPORTED_ENCRYPT	15
#define KLIPS_SADB_EXT_SPIRANGE			16
#define KLIPS_SADB_X_EXT_KMPRIVATE		17
#define KLIPS_SADB_X_EXT_SATYPE2		18
#define KLIPS_SADB_X_EXT_SA2			19
#define KLIPS_SADB_X_EXT_ADDRESS_DST2		20
#define KLIPS_SADB_X_EXT_ADDRESS_SRC_FLOW	21
#define KLIPS_SADB_X_EXT_ADDRESS_DST_FLOW	22
#define KLIPS_SADB_X_EXT_ADDRESS_SRC_MASK	23
#define KLIPS_SADB_X_EXT_ADDRESS_DST_MASK	24
#define KLIPS_SADB_X_EXT_DEBUG			25
#define KLIPS_SADB_X_EXT_PROTOCOL		26
#define KLIPS_SADB_X_EXT_NAT_T_TYPE		27
#define KLIPS_SADB_X_EXT_NAT_T_SPORT		28
#define KLIPS_SADB_X_EXT_NAT_T_DPORT		29
#define KLIPS_SADB_X_EXT_NAT_T_OA		30
#define KLIPS_SADB_X_EXT_PLUMBIF		31
#define KLIPS_SADB_X_EXT_SAREF			32
#define KLIPS_SADB_X_EXT_GROUP			33

/* States of an SA. */
#define KLIPS_SADB_SASTATE_LARVAL	0
#define KLIPS_SADB_SASTATE_MATURE	1
#define KLIPS_SADB_SASTATE_DYING	2
#define KLIPS_SADB_SASTATE_DEAD		3

/* Flags of the SA extension. */
#define KLIPS_SADB_SAFLAGS_PFS		1
#define KLIPS_SADB_X_SAFLAGS_REPLACEFLOW	2	/* ADDFLOW: in the place of the old eroute */
#define KLIPS_SADB_X_SAFLAGS_CLEARFLOW	4	/* DELFLOW: all eroutes */
#define KLIPS_SADB_X_SAFLAGS_INFLOW	8	/* ADDFLOW: inbound policy, no eroute */
#define KLIPS_SADB_X_SAFLAGS_POLICYONLY	16	/* policy, no eroute */
#define KLIPS_SADB_X_SAFLAGS_ESN	0x400	/* extended sequence numbers */

/* Algorithms. COMP has its in the encrypt field. */
#define KLIPS_SADB_AALG_NONE		0
#define KLIPS_SADB_AALG_MD5HMAC		2
#define KLIPS_SADB_AALG_SHA1HMAC	3
#define KLIPS_SADB_X_AALG_SHA2_256HMAC	5	/* ICV of 128 bits, RFC 4868 */
#define KLIPS_SADB_X_AALG_SHA2_384HMAC	6
#define KLIPS_SADB_X_AALG_SHA2_512HMAC	7
#define KLIPS_SADB_X_AALG_AES_XCBC_MAC	9
#define KLIPS_SADB_X_AALG_AES_CMAC	250
#define KLIPS_SADB_X_AALG_SHA2_256_96HMAC	252	/* ICV of 96 bits, for old peers */
#define KLIPS_SADB_EALG_NONE		0
#define KLIPS_SADB_EALG_3DESCBC		3
#define KLIPS_SADB_EALG_NULL		11
#define KLIPS_SADB_X_EALG_AESCBC	12
/* The keys of these end with the salt: 3 bytes for CCM, 4 for the others. */
#define KLIPS_SADB_X_EALG_AESCTR	13
#define KLIPS_SADB_X_EALG_AES_CCM_ICV8	14
#define KLIPS_SADB_X_EALG_AES_CCM_ICV12	15
#define KLIPS_SADB_X_EALG_AES_CCM_ICV16	16
#define KLIPS_SADB_X_EALG_AES_GCM_ICV8	18
#define KLIPS_SADB_X_EALG_AES_GCM_ICV12	19
#define KLIPS_SADB_X_EALG_AES_GCM_ICV16	20
#define KLIPS_SADB_X_EALG_NULL_AES_GMAC	23
#define KLIPS_SADB_X_EALG_CHACHA20_POLY1305	28
#define KLIPS_SADB_X_EALG_CAMELLIACBC	22
#define KLIPS_SADB_X_EALG_SERPENTCBC	252
#define KLIPS_SADB_X_EALG_TWOFISHCBC	253
#define KLIPS_SADB_X_CALG_DEFLATE	2
#define KLIPS_SADB_X_CALG_LZS		3

/* Types of an identity. */
#define KLIPS_SADB_IDENTTYPE_RESERVED	0
#define KLIPS_SADB_IDENTTYPE_PREFIX	1
#define KLIPS_SADB_IDENTTYPE_FQDN	2
#define KLIPS_SADB_IDENTTYPE_USERFQDN	3
#define KLIPS_SADB_X_IDENTTYPE_CONNECTION	4

/* Types of UDP encapsulation. */
#define KLIPS_NATT_NONE			0
#define KLIPS_NATT_NONIKE		1	/* UDP header and 8 zero bytes */
#define KLIPS_NATT_NONESP		2	/* RFC 3948 */

/* In klips_sadb_debug.netlink: OR the masks into the current ones instead of ANDing. */
#define KLIPS_DEBUG_SET			0x80000000

/* klips_sadb_plumbif.ifnum: mastN from 0, mastN in transport mode from 40960, ipsecN from here. */
#define KLIPS_PLUMBIF_TRANSPORT		40960
#define KLIPS_PLUMBIF_IPSEC		49152

struct klips_sadb_msg {
	__u8 version;		/* 2 */
	__u8 type;
	__u8 err;
	__u8 satype;
	__u16 len;
	__u16 reserved;
	__u32 seq;
	__u32 pid;
};

struct klips_sadb_ext {
	__u16 len;
	__u16 type;
};

/* SA and X_SA2. The first 16 bytes alone, as in the RFC, are accepted too. */
struct klips_sadb_sa {
	struct klips_sadb_ext head;
	__be32 spi;
	__u8 replay;
	__u8 state;
	__u8 auth;
	__u8 encrypt;
	__u32 flags;
	__u32 ref;
	/* Zero; or, beside a replay of 64, the window in packets as a __u32, 65 to 4096. */
	__u8 reserved[4];
};

/* The first 32 bytes alone, as in the RFC, are accepted too. */
struct klips_sadb_lifetime {
	struct klips_sadb_ext head;
	__u32 allocations;
	__u64 bytes;
	__u64 addtime;
	__u64 usetime;
	__u32 packets;
	__u32 reserved;
};

/* A struct sockaddr_in or sockaddr_in6 follows, padded to a word. */
struct klips_sadb_address {
	struct klips_sadb_ext head;
	__u8 proto;
	__u8 prefixlen;		/* 0 */
	__u16 reserved;
};

/* The key follows, padded to a word. */
struct klips_sadb_key {
	struct klips_sadb_ext head;
	__u16 bits;
	__u16 reserved;
};

/* A string with its zero follows, padded with zeros to a word; or nothing. */
struct klips_sadb_ident {
	struct klips_sadb_ext head;
	__u16 type;
	__u16 reserved;
	__u64 id;
};

/* One struct klips_sadb_comb or more follow. */
struct klips_sadb_prop {
	struct klips_sadb_ext head;
	__u8 replay;
	__u8 reserved[3];
};

struct klips_sadb_comb {
	__u8 auth;
	__u8 encrypt;
	__u16 flags;
	__u16 auth_minbits;
	__u16 auth_maxbits;
	__u16 encrypt_minbits;
	__u16 encrypt_maxbits;
	__u32 reserved;
	__u32 soft_allocations;
	__u32 hard_allocations;
	__u64 soft_bytes;
	__u64 hard_bytes;
	__u64 soft_addtime;
	__u64 hard_addtime;
	__u64 soft_usetime;
	__u64 hard_usetime;
	__u32 soft_packets;
	__u32 hard_packets;
};

/* One struct klips_sadb_alg or more follow. */
struct klips_sadb_supported {
	struct klips_sadb_ext head;
	__u32 reserved;
};

struct klips_sadb_alg {
	__u8 id;
	__u8 ivlen;		/* bits */
	__u16 minbits;
	__u16 maxbits;
	__u16 reserved;
};

struct klips_sadb_spirange {
	struct klips_sadb_ext head;
	__be32 min;
	__be32 max;
	__u32 reserved;
};

struct klips_sadb_satype {
	struct klips_sadb_ext head;
	__u8 satype;
	__u8 reserved[3];
};

struct klips_sadb_debug {
	struct klips_sadb_ext head;
	__u32 tunnel;
	__u32 netlink;
	__u32 xform;
	__u32 eroute;
	__u32 spi;
	__u32 radij;
	__u32 esp;
	__u32 ah;
	__u32 rcv;
	__u32 pfkey;
	__u32 ipcomp;
	__u32 verbose;
	__u8 reserved[4];
};

struct klips_sadb_protocol {
	struct klips_sadb_ext head;
	__u8 proto;
	__u8 direction;		/* not read */
	__u8 flags;		/* not read */
	__u8 reserved;
};

struct klips_sadb_nat_t_type {
	struct klips_sadb_ext head;
	__u8 type;
	__u8 reserved[3];
};

struct klips_sadb_nat_t_port {
	struct klips_sadb_ext head;
	__u16 port;		/* the machine's byte order */
	__u16 reserved;
};

struct klips_sadb_plumbif {
	struct klips_sadb_ext head;
	__u16 ifnum;
	__u16 reserved;
};

struct klips_sadb_saref {
	struct klips_sadb_ext head;
	__u32 me;
	__u32 him;
	__u32 reserved;
};

/* GRPSA: the SAs behind the second. One struct klips_sadb_member follows, or two. */
struct klips_sadb_group {
	struct klips_sadb_ext head;
	__u8 reserved[4];
};

struct klips_sadb_member {
	__u8 satype;
	__u8 reserved;
	__u16 family;		/* AF_INET or AF_INET6 */
	__be32 spi;
	__u8 addr[16];		/* an IPv4 address is followed by 12 zeros */
};

#endif /* _UAPI_LINUX_PFKEYV2_KLIPS_H */
