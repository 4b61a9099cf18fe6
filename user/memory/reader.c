// SPDX-License-Identifier: Apache-2.0
#include "memory/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* User addresses end here on every 64-bit Linux with 48-bit pointers (amd64 without LA57, arm64 by default). */
#define USER_END (UINT64_C(1) << 48)

#define PAGEMAP_CHUNK 64

static int open_proc(int pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_present(struct ct_process_memory *process, uint64_t address, uint8_t *buffer, size_t bytes)
{
	ssize_t got = pread(process->mem_fd, buffer, bytes, (off_t)address);

	if (got == 0)
		return -ESRCH; // the address space has no user left
	if (got < 0 && errno != EIO && errno != EFAULT)
		return -errno;
	if (got < 0)
		got = 0; // unmapped since pagemap said otherwise
	memset(buffer + got, 0, bytes - (size_t)got);
	process->memory.read_bytes += (uint64_t)got;
	return 0;
}

/* One page's entry decides what is done with `bytes` bytes of it. */
static bool is_wanted(struct ct_process_memory *process, uint64_t entry)
{
	if (entry & CT_PAGEMAP_PRESENT)
		return true;
	if (entry & CT_PAGEMAP_SWAPPED)
		process->memory.swapped_pages++;
	return false;
}

/* A stretch of at most PAGEMAP_CHUNK pages: runs of present pages are read in one go. */
static int read_chunk(struct ct_process_memory *process, uint64_t address, uint8_t *buffer, size_t bytes)
{
	uint64_t entries[PAGEMAP_CHUNK], page = process->pagemap.page_bytes, end = address + bytes;
	uint64_t first = address / page, count = (end - 1) / page - first + 1;
	int rc = ct_pagemap_read(&process->pagemap, first, count, entries);

	for (uint64_t i = 0; i < count && !rc;) {
		bool wanted = is_wanted(process, entries[i]);
		uint64_t from = i ? (first + i) * page : address, to;

		for (i++; i < count && is_wanted(process, entries[i]) == wanted; i++)
			;
		to = i < count ? (first + i) * page : end;
		if (wanted)
			rc = read_present(process, from, buffer + (from - address), to - from);
		else
			memset(buffer + (from - address), 0, to - from);
	}
	return rc;
}

static int process_read(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes)
{
	struct ct_process_memory *process = (struct ct_process_memory *)memory;
	uint8_t *to = buffer;

	if (address >= memory->image_start && address + bytes <= memory->image_end)
		return read_present(process, address, to, bytes);
	while (bytes) {
		uint64_t page_offset = address % process->pagemap.page_bytes;
		size_t part = PAGEMAP_CHUNK * process->pagemap.page_bytes - page_offset;
		int rc;

		if (part > bytes)
			part = bytes;
		rc = read_chunk(process, address, to, part);
		if (rc)
			return rc;
		address += part;
		to += part;
		bytes -= part;
	}
	return 0;
}

/* Twice as fast as the file; what it refuses the file may still give. */
static int copy_present(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes)
{
	struct ct_process_memory *process = (struct ct_process_memory *)memory;
	struct iovec here = { .iov_base = buffer, .iov_len = bytes };
	struct iovec there = { .iov_base = (void *)(uintptr_t)address, .iov_len = bytes };

	if (process_vm_readv(process->pid, &here, 1, &there, 1, 0) != (ssize_t)bytes)
		return read_present(process, address, buffer, bytes);
	memory->read_bytes += bytes;
	return 0;
}

static int process_each_present(struct ct_memory *memory, uint64_t start, uint64_t end, ct_stretch_visitor visit,
				void *opaque)
{
	struct ct_process_memory *process = (struct ct_process_memory *)memory;

	return ct_present_each(&process->pagemap, start, end, visit, opaque, &memory->swapped_pages);
}

int ct_process_memory_init(struct ct_process_memory *process, int pid)
{
	int mem_fd = open_proc(pid, "mem"), pagemap_fd;

	if (mem_fd < 0)
		return mem_fd;
	pagemap_fd = open_proc(pid, "pagemap");
	if (pagemap_fd < 0) {
		close(mem_fd);
		return pagemap_fd;
	}
	*process = (struct ct_process_memory){
		.memory = { .read = process_read,
			    .each_present = process_each_present,
			    .read_present = copy_present },
		.pid = pid,
		.mem_fd = mem_fd,
		.pagemap = { .fd = pagemap_fd, .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) },
	};
	return 0;
}

void ct_process_memory_done(struct ct_process_memory *process)
{
	if (!process->memory.read)
		return;
	close(process->mem_fd);
	close(process->pagemap.fd);
	process->memory.read = NULL;
}

static int spend(struct ct_memory *memory, uint64_t cost)
{
	if (!memory->has_bound)
		return 0;
	if (cost > memory->cost_left) {
		memory->cost_left = 0;
		memory->is_spent = true;
		return -EOVERFLOW;
	}
	memory->cost_left -= cost;
	return 0;
}

int ct_memory_read(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes)
{
	uint64_t swapped = memory->swapped_pages;
	int rc;

	if (!bytes)
		return 0;
	if (address < 4096 || address >= USER_END || bytes > USER_END - address)
		return -EFAULT;
	if (spend(memory, bytes > CT_READ_COST ? bytes : CT_READ_COST))
		return -EOVERFLOW;
	rc = memory->read(memory, address, buffer, bytes);
	if (memory->listener)
		memory->listener->hear(memory->listener, address, buffer, bytes, rc, memory->swapped_pages - swapped);
	return rc;
}

int ct_memory_each_present(struct ct_memory *memory, uint64_t start, uint64_t end, ct_stretch_visitor visit,
			   void *opaque)
{
	if (start >= end)
		return 0;
	return memory->each_present ? memory->each_present(memory, start, end, visit, opaque) :
				      visit(opaque, start, end);
}

int ct_memory_read_word(struct ct_memory *memory, uint64_t address, uint64_t *ret_word)
{
	uint64_t word;
	int rc = ct_memory_read(memory, address, &word, sizeof(word));

	if (!rc)
		*ret_word = word;
	return rc;
}

int ct_memory_window_read(struct ct_memory_window *window, struct ct_memory *memory, uint64_t address, void *buffer,
			  size_t bytes)
{
	bool is_inside = window->valid && address >= window->base && address - window->base <= window->valid &&
			 bytes <= window->valid - (address - window->base);

	if (!is_inside) {
		uint64_t base = address & ~(uint64_t)4095;
		int rc;

		if (address - base + bytes > sizeof(window->data))
			return ct_memory_read(memory, address, buffer, bytes);
		window->valid = 0;
		rc = ct_memory_read(memory, base, window->data, sizeof(window->data));
		if (rc)
			return rc == -EFAULT ? ct_memory_read(memory, address, buffer, bytes) : rc;
		window->base = base;
		window->valid = sizeof(window->data);
	} else if (spend(memory, CT_WINDOW_COST)) {
		return -EOVERFLOW;
	}
	memcpy(buffer, window->data + (address - window->base), bytes);
	return 0;
}
