// SPDX-License-Identifier: Apache-2.0
/*
 * Attach given points and print what comes: the kernel side alone, without providers, tree or agent.
 *
 *	probe_tool [-p] [-r RING_BYTES] [-d SECONDS] [-s START:END] PID FILE SYMBOL[+OFFSET]:ROLE[:ARGUMENT]...
 *
 * -p forces perf_event links, -s names the library's text (addresses in the process), -q prints totals only. It ends
 * after -d seconds or when the target does. Totals go to standard output last, as one line of JSON.
 */
#include "base/cleanup.h"
#include "base/time.h"
#include "provider/attach.h"
#include "source/source_live.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define DRAIN_INTERVAL_MS 5

struct tool {
	struct ct_attach_options options;
	struct ct_process_config config;
	struct ct_plan plan;
	pid_t pid;
	uint64_t duration_ns;
	bool is_quiet;
	bool is_over;
	uint64_t counts[CT_EVENT_TYPE_END];
	uint64_t ended[CT_REASON_END];
	uint64_t born;
	uint64_t lost;
	uint64_t drops;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static int file_offset(Elf *elf, uint64_t address, uint64_t *ret_offset)
{
	size_t headers;

	if (elf_getphdrnum(elf, &headers))
		return -ENOEXEC;
	for (size_t i = 0; i < headers; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD)
			continue;
		if (address - header.p_vaddr < header.p_filesz) {
			*ret_offset = address - header.p_vaddr + header.p_offset;
			return 0;
		}
	}
	return -ENOENT;
}

static int find_in_section(Elf *elf, Elf_Scn *section, const char *name, uint64_t *ret_address)
{
	GElf_Shdr header;
	Elf_Data *data = elf_getdata(section, NULL);

	if (!gelf_getshdr(section, &header) || !data || !header.sh_entsize)
		return -ENOENT;
	if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM)
		return -ENOENT;
	for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
		GElf_Sym symbol;
		const char *found;

		if (!gelf_getsym(data, (int)i, &symbol) || !symbol.st_value)
			continue;
		found = elf_strptr(elf, header.sh_link, symbol.st_name);
		if (found && !strcmp(found, name)) {
			*ret_address = symbol.st_value;
			return 0;
		}
	}
	return -ENOENT;
}

static int find_symbol(Elf *elf, const char *name, uint64_t *ret_address)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf, section)))
		if (!find_in_section(elf, section, name, ret_address))
			return 0;
	return -ENOENT;
}

// A C function may begin with endbr64; what is probed is the instruction after it.
static uint64_t skip_endbr(int fd, uint64_t offset)
{
	unsigned char bytes[4];
	const unsigned char endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };

	if (pread(fd, bytes, sizeof(bytes), (off_t)offset) == 4 && !memcmp(bytes, endbr64, 4))
		return offset + 4;
	return offset;
}

static int add_point(struct tool *tool, Elf *elf, char *text)
{
	char *role = strchr(text, ':');
	char *argument = role ? strchr(role + 1, ':') : NULL;
	char *plus = strrchr(text, '+');
	struct ct_attach_point point = { .symbol = text };
	uint64_t skip = 0;

	if (!role)
		return -EINVAL;
	*role++ = '\0';
	if (plus && plus < role) {
		*plus = '\0';
		skip = strtoull(plus + 1, NULL, 0);
	}
	point.cookie = CT_COOKIE(strtoul(role, NULL, 0), argument ? strtoul(argument + 1, NULL, 0) : 0);
	if (find_symbol(elf, text, &point.address) || file_offset(elf, point.address, &point.offset)) {
		fprintf(stderr, "probe_tool: no symbol %s\n", text);
		return -ENOENT;
	}
	point.offset = skip ? point.offset + skip : skip_endbr(tool->plan.fd, point.offset);
	return ct_plan_add(&tool->plan, &point);
}

static int make_plan(struct tool *tool, const char *path, char **points)
{
	Elf *elf;
	int err = 0;

	tool->plan = (struct ct_plan){ .provider = "probe_tool", .path = strdup(path) };
	tool->plan.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (tool->plan.fd < 0) {
		fprintf(stderr, "probe_tool: %s: %s\n", path, strerror(errno));
		return -ENOENT;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(tool->plan.fd, ELF_C_READ, NULL);
	for (; *points && !err; points++)
		err = add_point(tool, elf, *points);
	elf_end(elf);
	return err;
}

static void print_create(const struct ct_event_create *create)
{
	printf(" context=%#" PRIx64 " parent=%#" PRIx64 " kind=%s parent_kind=%s task=%" PRIu64 " path=%u hops=%u "
	       "deadline=%" PRIu64, (uint64_t)create->context, (uint64_t)create->parent,
	       ct_context_kind_name(create->kind), ct_context_kind_name(create->parent_kind), (uint64_t)create->task,
	       create->path, create->hops, (uint64_t)create->deadline_ns);
}

static void print_stack(const struct ct_event_stack *stack)
{
	printf(" path=%u", stack->path);
	for (__u32 i = 0; i < stack->depth; i++)
		printf(" %#" PRIx64, (uint64_t)stack->frames[i]);
}

static void print_body(const struct ct_event *event)
{
	switch (event->header->type) {
	case CT_EVENT_CREATE:
		print_create(event->create);
		break;
	case CT_EVENT_CANCEL:
	case CT_EVENT_CANCEL_CAUSE: // begins as CANCEL does
		printf(" context=%#" PRIx64 " reason=%s path=%u", (uint64_t)event->cancel->context,
		       ct_cancel_reason_name(event->cancel->reason), event->cancel->path);
		break;
	case CT_EVENT_CANCEL_CALL:
	case CT_EVENT_FREE:
	case CT_EVENT_ABANDON:
	case CT_EVENT_REQUEST:
		printf(" context=%#" PRIx64, (uint64_t)event->context->context);
		break;
	case CT_EVENT_TASK_START:
		printf(" task=%" PRIu64 " creator=%" PRIu64 " context=%#" PRIx64 " entry=%#" PRIx64 " path=%u",
		       (uint64_t)event->task_start->task, (uint64_t)event->task_start->creator,
		       (uint64_t)event->task_start->context, (uint64_t)event->task_start->entry,
		       event->task_start->path);
		break;
	case CT_EVENT_TASK_END:
		printf(" task=%" PRIu64, (uint64_t)event->task_end->task);
		break;
	case CT_EVENT_STACK:
		print_stack(event->stack);
		break;
	case CT_EVENT_GAP:
		printf(" lost=%" PRIu64, (uint64_t)event->gap->lost);
		break;
	}
}

static void count_event(struct tool *tool, const struct ct_event *event)
{
	tool->counts[event->header->type]++;
	if (event->header->type == CT_EVENT_CANCEL || event->header->type == CT_EVENT_CANCEL_CAUSE) {
		tool->ended[event->cancel->reason]++;
		tool->born += event->header->flags & CT_CANCEL_BORN;
	}
	if (event->header->type == CT_EVENT_GAP)
		tool->lost += event->gap->lost;
	if (event->header->type == CT_EVENT_COUNTERS) {
		tool->drops = 0;
		for (unsigned int i = 0; i < CT_COUNTER_END; i++)
			tool->drops += ct_counter_is_drop(i) ? event->counters->value[i] : 0;
	}
}

static void print_counters(const struct ct_event_counters *counters)
{
	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (counters->value[i])
			printf(" %s=%" PRIu64, ct_counter_name(i), (uint64_t)counters->value[i]);
}

static int take_event(void *opaque, const struct ct_event *event)
{
	struct tool *tool = opaque;
	const struct ct_event_header *header = event->header;

	count_event(tool, event);
	tool->is_over |= header->type == CT_EVENT_EXIT;
	if (tool->is_quiet || header->type == CT_EVENT_TICK)
		return 0;
	printf("%" PRIu64 ".%09" PRIu64 " cpu%u #%u %s flags=%#x", (uint64_t)(header->time_ns / CT_NSEC_PER_SEC),
	       (uint64_t)(header->time_ns % CT_NSEC_PER_SEC), header->cpu, header->sequence,
	       ct_event_name(header->type), header->flags);
	print_body(event);
	if (header->type == CT_EVENT_COUNTERS)
		print_counters(event->counters);
	putchar('\n');
	return 0;
}

static void print_totals(const struct tool *tool)
{
	printf("{");
	for (unsigned int i = 0; i < CT_EVENT_TYPE_END; i++)
		if (tool->counts[i])
			printf("\"%s\": %" PRIu64 ", ", ct_event_name((uint8_t)i), tool->counts[i]);
	printf("\"explicit\": %" PRIu64 ", \"deadline\": %" PRIu64 ", \"parent\": %" PRIu64 ", \"born\": %" PRIu64
	       ", \"lost\": %" PRIu64 ", \"drops\": %" PRIu64 "}\n",
	       tool->ended[CT_REASON_EXPLICIT], tool->ended[CT_REASON_DEADLINE], tool->ended[CT_REASON_PARENT],
	       tool->born, tool->lost, tool->drops);
}

static int watch(struct tool *tool, struct ct_source *source, struct ct_error *reterr)
{
	uint64_t end_ns = now_ns() + tool->duration_ns;
	struct pollfd ring = { .fd = ct_source_live_epoll_fd(source), .events = POLLIN };
	int drained = 0;

	while (!tool->is_over && now_ns() < end_ns && drained >= 0) {
		poll(&ring, 1, DRAIN_INTERVAL_MS);
		drained = source->ops->drain(source, take_event, tool, reterr);
	}
	return drained < 0 ? drained : 0;
}

static int run(struct tool *tool, struct ct_error *reterr)
{
	struct ct_attach *attach = NULL;
	struct ct_source *source = NULL;
	int err = ct_attach_new(tool->pid, &tool->config, &tool->plan, 1, &tool->options, &attach, reterr);

	if (err)
		return err;
	err = ct_source_live_new(ct_attach_ring_fd(attach), ct_attach_counters_fd(attach), &source, reterr);
	if (!err) {
		const struct ct_attach_figures *figures = ct_attach_figures(attach);

		fprintf(stderr, "probe_tool: watching %d (%zu probes, %zu %s links, %" PRIu64 " ms)\n", (int)tool->pid,
			figures->points, figures->links, figures->is_multi ? "uprobe_multi" : "perf_event",
			figures->elapsed_ns / CT_NSEC_PER_MSEC);
		err = watch(tool, source, reterr);
		ct_attach_detach(attach);
		if (!err)
			err = ct_source_live_tick(source, now_ns(), take_event, tool, reterr);
		source->ops->done(source);
	}
	ct_attach_free(attach);
	print_totals(tool);
	return err;
}

static int parse(struct tool *tool, int argc, char **argv)
{
	int option;
	char *end;

	while ((option = getopt(argc, argv, "pqr:d:s:")) != -1) {
		if (option == 'p')
			tool->options.force_perf = true;
		else if (option == 'q')
			tool->is_quiet = true;
		else if (option == 'r')
			tool->options.ring_bytes = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 'd')
			tool->duration_ns = strtoull(optarg, NULL, 0) * CT_NSEC_PER_SEC;
		else if (option == 's') {
			tool->config.library[0].start = strtoull(optarg, &end, 0);
			tool->config.library[0].end = strtoull(end + 1, NULL, 0);
		} else
			return -EINVAL;
	}
	if (argc - optind < 3)
		return -EINVAL;
	tool->pid = (pid_t)atoi(argv[optind]);
	return make_plan(tool, argv[optind + 1], argv + optind + 2);
}

int main(int argc, char **argv)
{
	struct tool tool = { .config.take_stacks = 1, .duration_ns = 10 * CT_NSEC_PER_SEC, .plan.fd = -1 };
	struct ct_error error = CT_ERROR_INIT;
	int err = parse(&tool, argc, argv);

	if (err) {
		fprintf(stderr, "usage: probe_tool [-pq] [-r RING_BYTES] [-d SECONDS] [-s START:END] PID FILE "
				"SYMBOL[+OFFSET]:ROLE[:ARGUMENT]...\n");
		return 2;
	}
	err = run(&tool, &error);
	if (err)
		fprintf(stderr, "probe_tool: %s\n%s%s", error.message, error.hint, error.hint[0] ? "\n" : "");
	ct_plan_done(&tool.plan);
	return err ? 3 : 0;
}
