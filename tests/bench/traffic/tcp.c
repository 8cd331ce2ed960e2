// SPDX-License-Identifier: GPL-2.0-only
/*
 * One TCP connection, as much as it takes. What comes before the window is compared byte by byte, and so is what comes
 * after it; inside the window the receiver only counts, so that the comparison is not measured.
 */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT	7001
#define AROUND	(1 << 20)	/* bytes before the window, and after it */
#define PIECE	(128 << 10)

struct stream {
	int listening, sending, accepted;
	long window;		/* bytes */
	long damaged;
	sem_t warm, through;
};

static uint8_t byte_at(long position)
{
	return (uint8_t)(position * 167 + (position >> 8) * 13);
}

static void send_stretch(struct stream *stream, long from, long length)
{
	static uint8_t piece[PIECE];
	long done, at;
	ssize_t sent;

	/* 65536 bytes are a period of byte_at(), PIECE is a multiple of it. */
	for (at = 0; at < PIECE; at++)
		piece[at] = byte_at(at);
	for (done = 0; done < length; done += sent) {
		long offset = (from + done) % 65536, rest = length - done;

		sent = send(stream->sending, piece + offset, rest < PIECE - offset ? rest : PIECE - offset, MSG_NOSIGNAL);
		if (sent <= 0)
			die("send");
	}
}

static void receive_stretch(struct stream *stream, long from, long length, bool compare)
{
	static uint8_t piece[PIECE];
	long done;
	ssize_t got, at;

	for (done = 0; done < length; done += got) {
		long rest = length - done;

		got = recv(stream->accepted, piece, rest < PIECE ? rest : PIECE, 0);
		if (got <= 0) {
			stream->damaged++;
			return;
		}
		for (at = 0; compare && at < got; at++)
			stream->damaged += piece[at] != byte_at(from + done + at);
	}
}

static void *receiver(void *data)
{
	struct stream *stream = data;

	stream->accepted = accept(stream->listening, NULL, NULL);
	receive_stretch(stream, 0, AROUND, true);
	sem_post(&stream->warm);
	receive_stretch(stream, AROUND, stream->window, false);
	sem_post(&stream->through);
	receive_stretch(stream, AROUND + stream->window, AROUND, true);
	return NULL;
}

static void open_stream(struct stream *stream)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int yes = 1;

	enter(SIDE_B);
	stream->listening = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(stream->listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(stream->listening, (struct sockaddr *)&sin, sizeof(sin)) || listen(stream->listening, 1))
		die("listen");
	enter(SIDE_A);
	stream->sending = socket(AF_INET, SOCK_STREAM, 0);
}

static void connect_stream(struct stream *stream)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	inet_pton(AF_INET, HOST_B, &sin.sin_addr);
	if (connect(stream->sending, (struct sockaddr *)&sin, sizeof(sin)))
		die("connect");
}

void tcp_window(const struct window *window)
{
	struct stream stream = { .window = window->size * 1024l };
	struct tally tally = { .sent = stream.window };
	uint64_t cycles_before, ns_before;
	pthread_t thread;

	open_stream(&stream);
	sem_init(&stream.warm, 0, 0);
	sem_init(&stream.through, 0, 0);
	pthread_create(&thread, NULL, receiver, &stream);
	connect_stream(&stream);
	send_stretch(&stream, 0, AROUND);
	sem_wait(&stream.warm);
	mark(MARKER_BEGIN, window->number);
	cycles_before = cycles();
	ns_before = nanoseconds();
	send_stretch(&stream, AROUND, stream.window);
	sem_wait(&stream.through);
	mark(MARKER_END, 0);
	tally.cycles = cycles() - cycles_before;
	tally.ns = nanoseconds() - ns_before;
	send_stretch(&stream, AROUND + stream.window, AROUND);
	pthread_join(thread, NULL);
	tally.got = stream.window;
	tally.damaged = stream.damaged;
	report(window->number, &tally);
	close(stream.sending);
	close(stream.accepted);
	close(stream.listening);
}
