// SPDX-License-Identifier: Apache-2.0
/*
 * Provider for the threads of C programs: pthread_create says what a new thread runs and is given, pthread_join that
 * somebody waits for one. That threads start and end is told by the kernel itself.
 *
 * The functions are in the C library (glibc 2.34 and newer, musl), in libpthread (older), or in a program that has them
 * linked in. Threads are nobody's business where no contexts are, and Go's runtime starts those of a Go program.
 */
#include "base/cleanup.h"
#include "provider/context_library.h"
#include "provider/plan_function.h"
#include "provider/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define ADDRESSES_MAX 8 /* versions of a symbol; most are the same function */

static const struct {
	const char *symbol;
	enum ct_role role;
	ct_probe_chooser choose;
} wanted[] = {
	{"pthread_create", CT_ROLE_C_SPAWN, ct_probe_point_c},
	{"pthread_join", CT_ROLE_C_JOIN, ct_probe_point_c_thunk},
};

static bool may_have_threads(const char *path)
{
	static const char *const names[] = {"libc.so", "libc-", "libpthread", "ld-musl-", "libc.musl-"};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}

static int add_symbol(struct ct_binary *binary, size_t index, struct ct_plan *plan)
{
	struct ct_function functions[ADDRESSES_MAX];
	int count = ct_binary_find(binary, wanted[index].symbol, functions, ADDRESSES_MAX);
	int rc = count > 0 ? 0 : ct_plan_refuse(plan, wanted[index].symbol, "no such symbol");

	for (int i = 0; i < count && i < ADDRESSES_MAX && !rc; i++)
		rc = ct_plan_function(plan, binary, wanted[index].symbol, &functions[i], wanted[index].choose,
				      CT_COOKIE(wanted[index].role, 0), false);
	return rc;
}

/* @return 1; 0 when this file has no such function; negative errno. */
static int plan_file(struct ct_binary *binary, const char *path, int fd, struct ct_plan *ret_plan)
{
	struct ct_plan plan = {.provider = "threads", .fd = -1};
	struct ct_function function;
	int rc = ct_binary_find(binary, wanted[0].symbol, &function, 1);

	if (rc <= 0)
		return rc == -ENOMEM ? rc : 0;
	plan.path = strdup(path);
	plan.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	rc = !plan.path ? -ENOMEM : plan.fd < 0 ? -errno : 0;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && !rc; i++)
		rc = add_symbol(binary, i, &plan);
	if (rc) {
		ct_plan_done(&plan);
		return rc;
	}
	*ret_plan = plan;
	return 1;
}

static int plan_mapping(struct ct_target *target, const struct ct_mapping *mapping, struct ct_plan *ret_plan)
{
	struct ct_binary *binary;
	_ct_close_ int fd = -1;
	int rc;

	if (!mapping->is_executable || !may_have_threads(mapping->path))
		return 0;
	fd = ct_target_open_mapping(target, mapping);
	if (fd < 0 || ct_binary_open(fd, mapping->path, &binary, NULL))
		return 0;
	rc = plan_file(binary, mapping->path, fd, ret_plan);
	ct_binary_free(binary);
	return rc;
}

static int plan_threads(struct ct_target *target, struct ct_process_config *config, struct ct_plan *ret_plan,
			struct ct_error *reterr)
{
	size_t count;
	const struct ct_mapping *list = ct_target_mappings(target, &count);
	int rc = 0;

	if (ct_target_go_version(target)->minor || !ct_context_library_is_used(target))
		return 0;
	for (size_t i = 0; i < count && !rc; i++)
		rc = plan_mapping(target, &list[i], ret_plan);
	if (!rc)
		rc = plan_file(ct_target_binary(target), ct_target_exe(target), ct_target_exe_fd(target), ret_plan);
	if (rc < 0)
		return ct_error_set(reterr, rc, "cannot plan probes of threads: %s", strerror(-rc));
	config->watch_threads = rc > 0;
	return rc;
}

const struct ct_provider ct_provider_threads = {
	.name = "threads",
	.describe = "threads of C programs that use a context library",
	.plan = plan_threads,
};
