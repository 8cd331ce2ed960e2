/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KLIPS: what a program in C needs beside PF_KEY.
 *
 * The ioctls of the ipsecN devices, the magic SPIs of shunts, and the marks of decapsulated packets. The messages of
 * the PF_KEY socket are in pfkeyv2_klips.h.
 */
#ifndef _UAPI_LINUX_KLIPS_H
#define _UAPI_LINUX_KLIPS_H

#include <linux/types.h>

/*
 * Private ioctls, on any socket, with ifr_name naming an ipsecN device. The numbers are SIOCDEVPRIVATE and up.
 *
 * SET_DEV attaches the device to the physical one of the argument: ENXIO if that does not exist, EBUSY if the ipsecN
 * is attached already. CATCH_DEV attaches it too, and has it take what is routed to the physical device and a policy is
 * for; attach it anew, or see IFLA_KLIPS_CATCH, to end that. DEL_DEV detaches it: ENODEV if it was not attached. CLR_DEV
 * detaches every device, whichever it is called on. All need CAP_NET_ADMIN.
 */
#define KLIPS_SIOC_SET_DEV	0x89F0
#define KLIPS_SIOC_DEL_DEV	0x89F1
#define KLIPS_SIOC_CLR_DEV	0x89F2
#define KLIPS_SIOC_UDP_ENCAP	0x89F3
#define KLIPS_SIOC_CATCH_DEV	0x89F4

/* Bytes of a device name in the argument, its final zero included. */
#define KLIPS_CONF_NAMSIZ	12

/*
 * Argument of SET_DEV, CATCH_DEV, DEL_DEV and CLR_DEV. It lies over ifr_ifru, which is 16 bytes into struct ifreq. A
 * name is cut at its first colon.
 */
struct klips_conf {
	__u32 cmd;			/* the ioctl's number again; not read */
	char name[KLIPS_CONF_NAMSIZ];	/* physical device */
};

/* Argument of UDP_ENCAP, in the same place: a UDP socket that will carry ESP. */
struct klips_udp_encap {
	__s32 fd;
	__s32 type;	/* KLIPS_NATT_* of pfkeyv2_klips.h */
};

/*
 * Attributes of a link of kind "klips" (IFLA_INFO_DATA). LINK and CATCH are said and shown, the others are shown.
 * IFLA_LINK says the same as LINK when a link is made.
 */
enum {
	IFLA_KLIPS_UNSPEC,
	IFLA_KLIPS_LINK,	/* __u32: index of the physical device; 0 to detach */
	IFLA_KLIPS_NUMBER,	/* __u32: N of the ipsecN that it was made as */
	IFLA_KLIPS_PHYS_MTU,	/* __u32: MTU of the physical device when it was attached, bytes */
	IFLA_KLIPS_WAITS_FOR,	/* string: the physical device that went away, and that it waits for */
	IFLA_KLIPS_CATCH,	/* __u32: 1 to take what is routed to the physical device, 0 not to; shown if 1 */
};

/* SPIs of the shunts, in host byte order: SAIDs of protocol 61 with an unspecified destination. */
#define KLIPS_SPI_PASS		256	/* send in clear */
#define KLIPS_SPI_DROP		257	/* discard */
#define KLIPS_SPI_REJECT	258	/* discard and say so */
#define KLIPS_SPI_HOLD		259	/* keep first and last packet until replaced */
#define KLIPS_SPI_TRAP		260	/* ACQUIRE, then hold this host pair */
#define KLIPS_SPI_TRAPSUBNET	261	/* ACQUIRE, then hold all of the eroute */

/* Lower SPIs are reserved and refused. */
#define KLIPS_SPI_MIN		256

/* Widest replay window in packets; 0 is none. */
#define KLIPS_REPLAY_MAX	64

/* Mark of a decapsulated packet: this bit, and the reference of its SA from bit 16 on. */
#define KLIPS_MARK_VALID	0x80000000
#define KLIPS_MARK_REF_SHIFT	16

#endif /* _UAPI_LINUX_KLIPS_H */
