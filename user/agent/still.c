// SPDX-License-Identifier: Apache-2.0
#include "agent/still.h"

#include "agent/clock.h"
#include "agent/stop.h"
#include "base/cleanup.h"
#include "provider/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BYTES_MAX (UINT64_C(4) << 30)
#define SHARE 4 /* of what is available here */
#define READINGS_MAX 3 /* one may meet a page that the kernel is moving */

/* What may be copied: memory of this machine that others may need as well. */
static uint64_t copy_limit(void)
{
	_ct_fclose_ FILE *file = fopen("/proc/meminfo", "re");
	uint64_t available_kb, limit = BYTES_MAX;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %" SCNu64, &available_kb) == 1 && available_kb * 1024 / SHARE < limit)
			limit = available_kb * 1024 / SHARE;
	return limit;
}

/* All that happens while the target stands. */
static int copy_stopped(struct ct_live *live, struct ct_freeze *freeze, bool expects_stopped, uint64_t *ret_paused_ns,
			struct ct_error *reterr)
{
	struct ct_stop stop = { 0 };
	struct ct_threads threads = { 0 };
	int rc = ct_stop_all(&stop, ct_target_pid(live->target), expects_stopped, reterr);

	if (rc)
		return rc;
	rc = ct_stop_registers(&stop, &threads);
	if (rc)
		ct_error_set(reterr, rc, "--stop: the registers of process %d cannot be read: %s",
			     (int)ct_target_pid(live->target), strerror(-rc));
	else
		rc = ct_freeze_copy(freeze, live->scanner.census, &threads, stop.stopped_ns, reterr);
	*ret_paused_ns = ct_stop_end(&stop);
	ct_freeze_set_pause(freeze, *ret_paused_ns);
	ct_threads_done(&threads);
	return rc;
}

static void tell(const struct ct_live *live, const struct ct_freeze *freeze, uint64_t paused_ns)
{
	struct ct_freeze_figures figures = ct_freeze_figures(freeze);

	if (live->options->is_quiet || (live->child && !live->options->is_verbose))
		return; // at its exit nobody waits for the child but us
	fprintf(stderr, "ctxtrace: the program stood still for %.3f s\n", (double)paused_ns / 1e9);
	if (live->options->is_verbose)
		fprintf(stderr, "ctxtrace: %" PRIu64 " bytes copied, %zu threads, %" PRIu64 " objects reached\n",
			figures.bytes, figures.threads, figures.reached);
}

static int scan_once(struct ct_live *live, bool expects_stopped, ct_scan_breathe drain, struct ct_error *reterr)
{
	struct ct_freeze *freeze = NULL;
	uint64_t paused_ns = 0;
	int rc = ct_freeze_new(live->scanner.census, copy_limit(), &freeze, reterr);

	if (!rc)
		rc = copy_stopped(live, freeze, expects_stopped, &paused_ns, reterr);
	if (!rc) {
		rc = ct_scanner_scan_frozen(&live->scanner, live->pipeline, freeze, drain, live);
		if (rc)
			ct_error_set(reterr, rc, "--stop: what was copied of process %d cannot be judged: %s",
				     (int)ct_target_pid(live->target), strerror(-rc));
		else
			tell(live, freeze, paused_ns);
	}
	ct_freeze_free(freeze);
	return rc;
}

int ct_still_scan(struct ct_live *live, bool expects_stopped, ct_scan_breathe drain, struct ct_error *reterr)
{
	const struct ct_scanner *scanner = &live->scanner;
	int readings = 0, rc;

	do
		rc = scan_once(live, expects_stopped, drain, reterr);
	while (!rc && *scanner->reason && !scanner->is_refused && ++readings < READINGS_MAX);
	return readings && rc != -ENOMEM ? 0 : rc; // what the first one has told stands
}
