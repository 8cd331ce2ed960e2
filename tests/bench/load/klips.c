// SPDX-License-Identifier: GPL-2.0-only
/* SAs, tunnels and eroutes of KLIPS, by PF_KEY. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/pfkeyv2_klips.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PF_KEY_V2	2
#define ROOM		1024

struct message {
	_Alignas(8) uint8_t bytes[ROOM];
	size_t used;
};

static void *extend(struct message *message, uint16_t type, size_t size)
{
	struct klips_sadb_ext *ext = (void *)(message->bytes + message->used);

	size = (size + 7) / 8 * 8;
	memset(ext, 0, size);
	ext->len = size / 8;
	ext->type = type;
	message->used += size;
	return ext;
}

static void start(struct message *message, uint8_t type, uint8_t satype)
{
	struct klips_sadb_msg *head = (void *)message->bytes;

	memset(head, 0, sizeof(*head));
	head->version = PF_KEY_V2;
	head->type = type;
	head->satype = satype;
	head->seq = 1;
	message->used = sizeof(*head);
}

static void put_sa(struct message *message, uint16_t type, uint32_t spi, uint8_t state, uint8_t encrypt)
{
	struct klips_sadb_sa *sa = extend(message, type, sizeof(*sa));

	sa->spi = htonl(spi);
	sa->replay = encrypt ? 64 : 0;
	sa->state = state;
	sa->encrypt = encrypt;
}

static void put_address(struct message *message, uint16_t type, uint32_t address)
{
	struct klips_sadb_address *ext = extend(message, type, sizeof(*ext) + sizeof(struct sockaddr_in));
	struct sockaddr_in *sin = (void *)(ext + 1);

	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(address);
}

static void put_key(struct message *message, size_t size)
{
	struct klips_sadb_key *key = extend(message, KLIPS_SADB_EXT_KEY_ENCRYPT, sizeof(*key) + size);

	key->bits = size * 8;
	memset(key + 1, 'Z', size);
}

/* Sends it, and reads the answer. */
static void request(int fd, struct message *message, const char *what)
{
	struct klips_sadb_msg *head = (void *)message->bytes;
	_Alignas(8) uint8_t answer[4096];

	head->len = message->used / 8;
	if (write(fd, message->bytes, message->used) < 0)
		refused(what, errno);
	if (read(fd, answer, sizeof(answer)) < 0)
		refused(what, errno);
}

/* This message says nothing but which dialect is spoken; it has no answer. */
static void introduce(int fd)
{
	struct klips_sadb_debug *debug;
	struct message message;

	start(&message, KLIPS_SADB_X_DEBUG, 0);
	debug = extend(&message, KLIPS_SADB_X_EXT_DEBUG, sizeof(*debug));
	debug->netlink = KLIPS_DEBUG_SET;
	((struct klips_sadb_msg *)message.bytes)->len = message.used / 8;
	if (write(fd, message.bytes, message.used) < 0)
		refused("PF_KEY", errno);
}

int klips_open(void)
{
	int fd = socket(PF_KEY, SOCK_RAW, PF_KEY_V2);

	if (fd < 0)
		die("PF_KEY");
	introduce(fd);
	return fd;
}

static void add(int fd, const struct side *side, uint8_t satype, uint32_t spi)
{
	bool esp = satype == KLIPS_SADB_SATYPE_ESP;
	struct message message;

	start(&message, KLIPS_SADB_ADD, satype);
	put_sa(&message, KLIPS_SADB_EXT_SA, spi, KLIPS_SADB_SASTATE_MATURE, esp ? KLIPS_SADB_X_EALG_AES_GCM_ICV16 : 0);
	put_address(&message, KLIPS_SADB_EXT_ADDRESS_SRC, side->local);
	put_address(&message, KLIPS_SADB_EXT_ADDRESS_DST, side->remote);
	if (esp)
		put_key(&message, 20);
	request(fd, &message, "ADD");
}

void klips_add_sa(int fd, const struct side *side, uint32_t number)
{
	add(fd, side, KLIPS_SADB_SATYPE_ESP, FIRST_SPI + number);
}

/* An IPIP SA, an ESP SA, and that they belong together. */
void klips_add_tunnel(int fd, const struct side *side, uint32_t number)
{
	struct klips_sadb_satype *second;
	uint32_t spi = FIRST_SPI + number;
	struct message message;

	add(fd, side, KLIPS_SADB_X_SATYPE_IPIP, spi);
	add(fd, side, KLIPS_SADB_SATYPE_ESP, spi);
	start(&message, KLIPS_SADB_X_GRPSA, KLIPS_SADB_X_SATYPE_IPIP);
	put_sa(&message, KLIPS_SADB_EXT_SA, spi, 0, 0);
	put_address(&message, KLIPS_SADB_EXT_ADDRESS_DST, side->remote);
	second = extend(&message, KLIPS_SADB_X_EXT_SATYPE2, sizeof(*second));
	second->satype = KLIPS_SADB_SATYPE_ESP;
	put_sa(&message, KLIPS_SADB_X_EXT_SA2, spi, 0, 0);
	put_address(&message, KLIPS_SADB_X_EXT_ADDRESS_DST2, side->remote);
	request(fd, &message, "GRPSA");
}

/* To the tunnel that the method has made: SPI 0x1001 leads to gwB, 0x1002 to gwA. */
void klips_add_eroute(int fd, const struct side *side, uint32_t number)
{
	uint32_t net = MANY + number * 4, mask = ~0u << (32 - many_bits(number));
	struct message message;

	start(&message, KLIPS_SADB_X_ADDFLOW, KLIPS_SADB_X_SATYPE_IPIP);
	put_sa(&message, KLIPS_SADB_EXT_SA, side->at_a ? 0x1001 : 0x1002, 0, 0);
	put_address(&message, KLIPS_SADB_EXT_ADDRESS_SRC, 0);
	put_address(&message, KLIPS_SADB_EXT_ADDRESS_DST, side->remote);
	put_address(&message, KLIPS_SADB_X_EXT_ADDRESS_SRC_FLOW, side->at_a ? NET_A : net);
	put_address(&message, KLIPS_SADB_X_EXT_ADDRESS_DST_FLOW, side->at_a ? net : NET_A);
	put_address(&message, KLIPS_SADB_X_EXT_ADDRESS_SRC_MASK, side->at_a ? 0xffffff00 : mask);
	put_address(&message, KLIPS_SADB_X_EXT_ADDRESS_DST_MASK, side->at_a ? mask : 0xffffff00);
	request(fd, &message, "ADDFLOW");
}
