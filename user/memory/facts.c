// SPDX-License-Identifier: Apache-2.0
#include "memory/facts.h"

#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GUESSES_MAX 256

/* The program's own image: type tables and itabs are read there whether their pages are present or not. */
static int take_module(struct ct_census_facts *facts, struct ct_binary *binary, const struct ct_go_layout *layout,
		       uint64_t load_bias)
{
	struct ct_go_module module;
	int rc = ct_binary_go_module(binary, &module);
	uint64_t starts[] = { module.text, module.data, module.bss, module.noptrdata, module.noptrbss, module.types };
	uint64_t ends[] = { module.etext, module.edata, module.ebss, module.enoptrdata, module.enoptrbss, module.etypes };

	if (rc)
		return rc;
	facts->image_start = UINT64_MAX;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		if (starts[i] && starts[i] + load_bias < facts->image_start)
			facts->image_start = starts[i] + load_bias;
		if (ends[i] + load_bias > facts->image_end)
			facts->image_end = ends[i] + load_bias;
	}
	facts->types = module.types + load_bias;
	facts->etypes = module.etypes + load_bias;
	facts->text = module.text + load_bias;
	facts->etext = module.etext + load_bias;
	facts->next_module = module.address + load_bias + layout->module->next;
	return 0;
}

static bool has_inlined_creators(struct ct_binary *binary)
{
	static const char *const names[] = { "context.WithCancel", "context.WithCancelCause", "context.AfterFunc" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ct_binary_go_is_inlined_outside(binary, names[i], "context.")) // an error is a yes: be careful
			return true;
	return false;
}

/* Up to 1.20 Background and TODO are of one type. */
static void take_todo(struct ct_census_facts *facts, struct ct_binary *binary, uint64_t load_bias)
{
	uint64_t background, todo;

	if (facts->minor <= 20 && !ct_locate_roots(binary, &background, &todo))
		facts->todo = todo + load_bias;
}

/* Between two releases ("devel go1.27-0a1b2c3") anything may lie anywhere: as unknown as one to come. */
static uint64_t release_of(const struct ct_go_version *version)
{
	return strncmp(version->text, "go1.", 4) ? CT_GO_MINOR_NEWEST + 1 : version->minor;
}

int ct_census_facts_load(struct ct_census_facts *facts, struct ct_binary *binary, uint64_t load_bias,
			 struct ct_error *reterr)
{
	struct ct_go_version version;
	struct ct_go_layout layout;
	int rc = ct_binary_go_version(binary, &version);

	if (rc)
		return ct_error_set(reterr, -EOPNOTSUPP, "census: this is not a Go program whose version can be read");
	facts->minor = release_of(&version);
	if (ct_go_layout_try(facts->minor, &layout))
		return ct_error_set(reterr, -EOPNOTSUPP,
				    "census: the memory layout of %s is not known: Go 1.%u is the oldest that is",
				    version.text, CT_GO_MINOR_OLDEST);
	if (take_module(facts, binary, &layout, load_bias))
		return ct_error_set(reterr, -EOPNOTSUPP, "census: no module data found in this %s program", version.text);
	rc = ct_locate_heap(binary, &facts->mheap);
	if (rc)
		return ct_error_set(reterr, -EOPNOTSUPP, "census: the heap of this %s program was not found", version.text);
	facts->mheap += load_bias;
	rc = ct_closures_load(&facts->closures, binary, (unsigned int)facts->minor, load_bias);
	if (rc)
		return ct_error_set(reterr, rc, "census: the functions of this %s program cannot be read", version.text);
	facts->has_inlined_creators = has_inlined_creators(binary);
	take_todo(facts, binary, load_bias);
	rc = ct_locate_allgs(facts, binary, load_bias);
	return rc == -ENOMEM ? rc : 0; // without goroutines every scan says that it is incomplete
}

int ct_census_facts_guess_allgs(struct ct_census_facts *facts, uint64_t address)
{
	for (size_t i = 0; i < facts->allgs_guess_count; i++)
		if (facts->allgs_guesses[i] == address)
			return 0;
	if (facts->allgs_guess_count == GUESSES_MAX)
		return -ENOSPC;
	if (!facts->allgs_guesses)
		facts->allgs_guesses = calloc(GUESSES_MAX, sizeof(*facts->allgs_guesses));
	if (!facts->allgs_guesses)
		return -ENOMEM;
	facts->allgs_guesses[facts->allgs_guess_count++] = address;
	return 0;
}

void ct_census_facts_done(struct ct_census_facts *facts)
{
	ct_closures_done(&facts->closures);
	free(facts->allgs_guesses);
	*facts = (struct ct_census_facts){ 0 };
}
