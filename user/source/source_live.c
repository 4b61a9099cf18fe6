// SPDX-License-Identifier: Apache-2.0
#include "source/source_live.h"

#include "base/time.h"
#include "source/gaps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** Counters of one CPU, as bpf/maps.bpf.h has them. */
struct cpu_counters {
	__u64 value[CT_COUNTER_MAX];
};

/** The drain under way. */
struct drain {
	ct_event_sink sink;
	void *opaque;
	int drained;
	int error; /**< First failure, of the sink or ours. */
};

struct live_source {
	struct ct_source source;
	struct ring_buffer *ring;
	int counters_fd;
	size_t cpus;
	struct ct_gap_cpu *gaps;       /**< By CPU. */
	struct cpu_counters *counters; /**< By CPU, as last read. */
	__u64 told[CT_COUNTER_MAX];    /**< Sums in the last COUNTERS. */
	struct drain drain;
};

static int hand_on(struct live_source *live, const void *bytes, size_t length)
{
	struct ct_event event;
	int err = ct_event_decode(bytes, length, &event);

	return err ? err : live->drain.sink(live->drain.opaque, &event);
}

static int tell_gap(struct live_source *live, size_t cpu, const struct ct_gap *gap, uint64_t to_ns)
{
	const struct ct_event_gap event = {
		.header = { .time_ns = to_ns, .cpu = (__u16)cpu, .type = CT_EVENT_GAP },
		.from_ns = gap->from_ns < to_ns ? gap->from_ns : to_ns,
		.to_ns = to_ns,
		.lost = gap->lost,
	};

	return gap->lost ? hand_on(live, &event, sizeof(event)) : 0;
}

static int read_counters(struct live_source *live)
{
	const __u32 key = 0;

	return bpf_map_lookup_elem(live->counters_fd, &key, live->counters) ? -errno : 0;
}

static uint64_t drops_of(const struct live_source *live, size_t cpu)
{
	uint64_t drops = 0;

	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (ct_counter_is_drop(i))
			drops += live->counters[cpu].value[i];
	return drops;
}

static int tell_jump(struct live_source *live, const struct ct_event_header *header)
{
	struct ct_gap gap;
	int err = read_counters(live);

	if (err)
		return err;
	gap = ct_gap_cpu_jump(&live->gaps[header->cpu], drops_of(live, header->cpu));
	return tell_gap(live, header->cpu, &gap, header->time_ns);
}

static int take_event(struct live_source *live, const struct ct_event *event)
{
	const struct ct_event_header *header = event->header;
	int err = 0;

	if (header->cpu >= live->cpus)
		return -EPROTO;
	if (ct_gap_cpu_note(&live->gaps[header->cpu], header))
		err = tell_jump(live, header);
	return err ? err : live->drain.sink(live->drain.opaque, event);
}

static int take_record(void *opaque, void *bytes, size_t length)
{
	struct live_source *live = opaque;
	struct ct_event event;
	int err = ct_event_decode(bytes, length, &event);

	if (err == -ENOMSG)
		return 0;
	if (!err)
		err = take_event(live, &event);
	live->drain.drained++;
	live->drain.error = err;
	return err;
}

static int drain_ring(struct live_source *live, struct ct_error *reterr)
{
	int err = ring_buffer__consume(live->ring);

	if (live->drain.error == -EPROTO)
		return ct_error_set(reterr, -EPROTO, "reading the event ring: malformed event number %d of a drain",
				    live->drain.drained);
	if (err < 0)
		return ct_error_set(reterr, err, "reading the event ring: %s", strerror(-err));
	return live->drain.drained;
}

static int live_drain(struct ct_source *source, ct_event_sink sink, void *opaque, struct ct_error *reterr)
{
	struct live_source *live = (struct live_source *)source;

	live->drain = (struct drain){ .sink = sink, .opaque = opaque };
	return drain_ring(live, reterr);
}

static int tell_rest(struct live_source *live, uint64_t now_ns)
{
	int err = 0;

	for (size_t cpu = 0; cpu < live->cpus && !err; cpu++) {
		struct ct_gap gap = ct_gap_cpu_tick(&live->gaps[cpu], drops_of(live, cpu));

		err = tell_gap(live, cpu, &gap, now_ns);
	}
	return err;
}

static int tell_counters(struct live_source *live, uint64_t now_ns)
{
	struct ct_event_counters event = { .header = { .time_ns = now_ns, .type = CT_EVENT_COUNTERS } };

	for (size_t cpu = 0; cpu < live->cpus; cpu++)
		for (unsigned int i = 0; i < CT_COUNTER_MAX; i++)
			event.value[i] += live->counters[cpu].value[i];
	if (!memcmp(event.value, live->told, sizeof(live->told)))
		return 0;
	memcpy(live->told, event.value, sizeof(live->told));
	return hand_on(live, &event, sizeof(event));
}

static int tell_tick(struct live_source *live, uint64_t now_ns)
{
	const struct ct_event_mark event = { .header = { .time_ns = now_ns, .type = CT_EVENT_TICK } };

	return hand_on(live, &event, sizeof(event));
}

int ct_source_live_tick(struct ct_source *source, uint64_t now_ns, ct_event_sink sink, void *opaque,
			struct ct_error *reterr)
{
	struct live_source *live = (struct live_source *)source;
	int drained = live_drain(source, sink, opaque, reterr);
	int err;

	if (drained < 0)
		return drained;
	err = read_counters(live);
	if (err)
		return ct_error_set(reterr, err, "reading the kernel side's counters: %s", strerror(-err));
	err = tell_rest(live, now_ns);
	if (!err)
		err = tell_counters(live, now_ns);
	if (!err)
		err = tell_tick(live, now_ns);
	if (err)
		return ct_error_set(reterr, err, "taking a tick of the event stream: %s", strerror(-err));
	return drained;
}

int ct_source_live_epoll_fd(const struct ct_source *source)
{
	return ring_buffer__epoll_fd(((const struct live_source *)source)->ring);
}

static void live_done(struct ct_source *source)
{
	struct live_source *live = (struct live_source *)source;

	ring_buffer__free(live->ring);
	free(live->gaps);
	free(live->counters);
	free(live);
}

static const struct ct_source_ops live_ops = {
	.drain = live_drain,
	.done = live_done,
};

static void start_gaps(struct live_source *live)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (size_t cpu = 0; cpu < live->cpus; cpu++)
		ct_gap_cpu_init(&live->gaps[cpu], (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec);
}

static int open_maps(struct live_source *live, int ring_fd)
{
	struct bpf_map_info info = {};
	__u32 length = sizeof(info);
	int err = bpf_obj_get_info_by_fd(live->counters_fd, &info, &length);

	if (err)
		return -errno;
	if (info.value_size != sizeof(*live->counters))
		return -EINVAL;
	live->ring = ring_buffer__new(ring_fd, take_record, live, NULL);
	return live->ring ? 0 : -errno;
}

int ct_source_live_new(int ring_fd, int counters_fd, struct ct_source **ret_source, struct ct_error *reterr)
{
	struct live_source *live = calloc(1, sizeof(*live));
	int cpus = libbpf_num_possible_cpus();
	int err;

	if (!live || cpus <= 0) {
		free(live);
		return ct_error_set(reterr, cpus <= 0 ? cpus : -ENOMEM, "opening the event ring: no memory or CPUs");
	}
	live->source.ops = &live_ops;
	live->counters_fd = counters_fd;
	live->cpus = (size_t)cpus;
	live->gaps = calloc(live->cpus, sizeof(*live->gaps));
	live->counters = calloc(live->cpus, sizeof(*live->counters));
	err = live->gaps && live->counters ? open_maps(live, ring_fd) : -ENOMEM;
	if (err) {
		live_done(&live->source);
		return ct_error_set(reterr, err, "opening the event ring: %s", strerror(-err));
	}
	start_gaps(live);
	*ret_source = &live->source;
	return 0;
}
