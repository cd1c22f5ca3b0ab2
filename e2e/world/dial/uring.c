// SPDX-License-Identifier: Apache-2.0
// connect() by io_uring, with raw system calls: liburing is not part of a plain system.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dial.h"

struct ring {
	int fd;
	struct io_uring_params params;
	char *submission, *completion;
	struct io_uring_sqe *entries;
};

static void *map_ring(struct ring *ring, size_t length, off_t offset)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
		    offset);
}

static bool ring_open(struct ring *ring, bool polled)
{
	memset(ring, 0, sizeof(*ring));
	if (polled) {
		ring->params.flags = IORING_SETUP_SQPOLL;
		ring->params.sq_thread_idle = 1000;
	}
	ring->fd = (int)syscall(SYS_io_uring_setup, 4, &ring->params);
	if (ring->fd < 0)
		return false;
	ring->submission = map_ring(ring, ring->params.sq_off.array + 4 * sizeof(unsigned),
				    IORING_OFF_SQ_RING);
	ring->completion =
		map_ring(ring, ring->params.cq_off.cqes + 8 * sizeof(struct io_uring_cqe),
			 IORING_OFF_CQ_RING);
	ring->entries = map_ring(ring, 4 * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	return ring->submission != MAP_FAILED && ring->completion != MAP_FAILED &&
	       ring->entries != MAP_FAILED;
}

static void ring_submit(struct ring *ring, bool polled)
{
	_Atomic unsigned *tail = (void *)(ring->submission + ring->params.sq_off.tail);
	unsigned *array = (void *)(ring->submission + ring->params.sq_off.array);

	array[0] = 0;
	atomic_store_explicit(tail, 1, memory_order_release);
	syscall(SYS_io_uring_enter, ring->fd, 1, 0, polled ? IORING_ENTER_SQ_WAKEUP : 0, NULL, 0);
}

int uring_connect(int fd, enum manner manner, const struct sockaddr_storage *target, int timeout)
{
	bool polled = manner == MANNER_URING_SQPOLL;
	struct pollfd done;
	struct ring ring;
	int error;

	if (!ring_open(&ring, polled))
		return errno;
	memset(&ring.entries[0], 0, sizeof(ring.entries[0]));
	ring.entries[0].opcode = IORING_OP_CONNECT;
	ring.entries[0].flags = manner == MANNER_URING_ASYNC ? IOSQE_ASYNC : 0;
	ring.entries[0].fd = fd;
	ring.entries[0].addr = (unsigned long)target;
	ring.entries[0].off = address_length(target);
	ring_submit(&ring, polled);

	done = (struct pollfd){ .fd = ring.fd, .events = POLLIN };
	if (poll(&done, 1, timeout) == 1) {
		struct io_uring_cqe *completed =
			(void *)(ring.completion + ring.params.cq_off.cqes);

		error = -completed[0].res;
	} else {
		error = ERROR_TIMEOUT;
	}
	close(ring.fd);
	return error;
}
