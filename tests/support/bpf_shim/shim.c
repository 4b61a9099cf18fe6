// SPDX-License-Identifier: Apache-2.0
/* Who runs, and the memory of the target: a table of words. */
#include "shim_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing; far more room than any test maps. */
#define WORDS_MAX 65536

struct word {
	uint64_t address;
	uint64_t value;
	bool is_used;	/* ever: the chain of probes goes on behind it */
	bool is_mapped;
};

static struct word words[WORDS_MAX];
struct shim shim;

static struct word *slot(uint64_t address)
{
	size_t at = (address >> 3) * 0x9e3779b1u % WORDS_MAX;

	while (words[at].is_used && words[at].address != address)
		at = (at + 1) % WORDS_MAX;
	return &words[at];
}

void shim_reset(void)
{
	memset(words, 0, sizeof(words));
	shim_maps_reset();
	shim_ring_reset();
	shim = (struct shim){ .process = 100, .thread = 101, .time_ns = 1000 };
}

void shim_poke(uint64_t address, uint64_t word)
{
	shim_check(address % 8 == 0, "a word's address is a multiple of 8");
	*slot(address) = (struct word){ address, word, true, true };
}

void shim_unmap(uint64_t address)
{
	slot(address)->is_mapped = false;
}

static bool read_byte(uint64_t address, uint8_t *ret)
{
	const struct word *word = slot(address & ~UINT64_C(7));

	if (!word->is_mapped)
		return false;
	*ret = (uint8_t)(word->value >> (8 * (address & 7)));
	return true;
}

long shim_read_user(void *to, uint32_t bytes, const void *from)
{
	bool is_readable = ++shim.reads != shim.fail_read;

	for (uint32_t i = 0; is_readable && i < bytes; i++)
		is_readable = read_byte((uint64_t)(uintptr_t)from + i, (uint8_t *)to + i);
	if (is_readable)
		return 0;
	memset(to, 0, bytes); // as the kernel does
	return -EFAULT;
}

/* As strncpy_from_user_nofault: always ends with a NUL, which counts; what could not be read leaves nothing behind. */
long shim_read_user_str(void *to, uint32_t bytes, const void *from)
{
	bool is_readable = ++shim.reads != shim.fail_read;
	uint8_t *at = to;

	for (uint32_t i = 0; is_readable && i < bytes; i++) {
		is_readable = read_byte((uint64_t)(uintptr_t)from + i, &at[i]);
		if (is_readable && i == bytes - 1)
			at[i] = 0;
		if (is_readable && !at[i])
			return (long)i + 1;
	}
	memset(to, 0, bytes);
	return -EFAULT;
}

uint64_t shim_uid_gid(void)
{
	return shim.user | (uint64_t)shim.user << 32;
}

long shim_send_signal(uint32_t number)
{
	if (shim.fail_signal)
		return -1;
	shim.signals++;
	shim.signal = number;
	return 0;
}

uint64_t shim_pid_tgid(void)
{
	return (uint64_t)shim.process << 32 | shim.thread;
}

uint32_t shim_cpu(void)
{
	shim_check(shim.cpu < SHIM_CPUS, "there are only so many CPUs");
	return shim.cpu;
}

uint64_t shim_cookie(const void *regs)
{
	(void)regs;
	return shim.cookie;
}

uint64_t shim_time_ns(void)
{
	return shim.time_ns++;
}
