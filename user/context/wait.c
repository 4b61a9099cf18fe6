// SPDX-License-Identifier: Apache-2.0
// Waiting for the end of a context: a futex on its state, and an eventfd for those who poll.
#include "private.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/** Most an eventfd can hold. With EFD_SEMAPHORE each read takes 1: nobody reads it empty. */
#define FD_FOR_EVER UINT64_C(0xfffffffffffffffe)

static void signal_fd(int fd)
{
	uint64_t value = FD_FOR_EVER;

	// Into a counter of 0 this can neither block nor fail.
	(void)!write(fd, &value, sizeof(value));
}

void cctx_publish_end(struct cctx *ctx)
{
	uint32_t before = atomic_exchange_explicit(&ctx->state, CCTX_ENDED, memory_order_acq_rel);

	if (before == CCTX_AWAITED)
		syscall(SYS_futex, &ctx->state, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	if (ctx->done_fd >= 0)
		signal_fd(ctx->done_fd);
}

// FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC; a time of NULL waits for ever. @return 0 or an errno.
static int futex_wait(_Atomic uint32_t *word, uint32_t expected, const struct timespec *until)
{
	if (!syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, until, NULL, FUTEX_BITSET_MATCH_ANY))
		return 0;
	return errno;
}

static int wait_scope(struct cctx *scope, const struct timespec *until)
{
	uint32_t state = CCTX_LIVE;
	int err = 0;

	while (!cctx_done(scope)) {
		if (err == ETIMEDOUT)
			return EAGAIN;
		if (!atomic_compare_exchange_strong(&scope->state, &state, CCTX_AWAITED) && state == CCTX_ENDED)
			break;
		state = CCTX_LIVE;
		err = futex_wait(&scope->state, CCTX_AWAITED, until);
	}
	return scope->err;
}

// Under a context that never ends there is only the time.
static int wait_time(const struct timespec *until)
{
	_Atomic uint32_t never = CCTX_LIVE;

	while (futex_wait(&never, CCTX_LIVE, until) != ETIMEDOUT)
		;
	return EAGAIN;
}

int cctx_wait(const cctx_t *ctx, int64_t timeout_ns)
{
	struct timespec until;
	int64_t until_ns;

	if (timeout_ns == 0)
		return cctx_done(ctx) ? ctx->scope->err : EAGAIN;
	if (__builtin_add_overflow(cctx_now(), timeout_ns, &until_ns))
		until_ns = INT64_MAX;
	until.tv_sec = until_ns / CCTX_SECOND;
	until.tv_nsec = until_ns % CCTX_SECOND;
	if (!ctx->scope)
		return wait_time(timeout_ns < 0 ? NULL : &until);
	return wait_scope(ctx->scope, timeout_ns < 0 ? NULL : &until);
}

int cctx_done_fd(cctx_t *ctx)
{
	struct cctx *scope = ctx->scope;
	int fd;

	if (!scope)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&scope->lock);
	fd = scope->done_fd;
	if (fd < 0) {
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
		if (fd < 0)
			fd = -errno;
		else
			scope->done_fd = fd;
		if (fd >= 0 && cctx_done(scope))
			signal_fd(fd);
	}
	pthread_mutex_unlock(&scope->lock);
	return fd;
}
