// SPDX-License-Identifier: Apache-2.0
/* What the words of a stack lead to: the request that a handler serves, and contexts in objects of their own. */
#include "go_heap.h"
#include "memory/http_request.h"
#include "memory/known_contexts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define PAGE (GO_HEAP_ARENA + 10 * 8192) /* nobody else's */
#define REQUEST PAGE
#define RESPONSE (PAGE + 512)
#define URL (PAGE + 1024)
#define TEXTS (PAGE + 1536)
#define BOX (PAGE + 4096)
#define PATTERN_AT 232

static struct go_heap process;
static struct ct_census *census;
static struct ct_object_span spans[] = {
	{.start = PAGE, .bytes = 4096, .element_bytes = 512, .elements = 8, .has_pointers = true},
	{.start = BOX, .bytes = 4096, .element_bytes = 16, .elements = 256, .has_pointers = true},
};
static struct ct_objects objects = {.spans = spans, .count = 2};

static uint8_t *at(uint64_t address)
{
	return process.heap + (address - GO_HEAP_ARENA);
}

static void put(uint64_t address, uint64_t value)
{
	fake_put(at(address), value, 8);
}

static void put_text(uint64_t address, uint64_t text_at, const char *text)
{
	put(address, text_at);
	put(address + 8, strlen(text));
	memcpy(at(text_at), text, strlen(text));
}

/* Any itab of context.Context. */
static uint64_t an_itab(void)
{
	return ct_load64(at(process.contexts[GO_HEAP_HELD] + CT_CONTEXT_PARENT_ITAB));
}

static uint64_t context_at(unsigned int minor)
{
	return REQUEST + PATTERN_AT + (minor >= 23 ? 16 : 0);
}

static void build(unsigned int minor)
{
	struct ct_census_facts facts = go_heap_facts(minor);
	struct ct_error error = CT_ERROR_INIT;

	go_heap_build(&process, minor);
	census = NULL;
	assert_int_equal(ct_census_over(&facts, &process.fake.memory, &census, &error), 0);
	assert_int_equal(ct_heap_load(&census->heap, 0), 0);
	put_text(REQUEST, TEXTS, "POST");
	put(REQUEST + 16, URL);
	put_text(URL + 56, TEXTS + 64, "/orders/7");
	put(context_at(minor), an_itab());
	put(context_at(minor) + 8, process.contexts[GO_HEAP_HELD]);
	put(RESPONSE + 8, REQUEST);
}

static void done(void)
{
	ct_census_free(census);
	go_heap_done(&process);
}

/* The route that a stack of these words has, or NULL. */
static const char *route_of(const uint64_t *words, size_t count)
{
	static char route[CT_ROUTE_BYTES];
	static struct ct_http_requests requests;

	requests = (struct ct_http_requests){.census = census, .objects = &objects};
	return ct_http_requests_route(&requests, words, count, process.contexts[GO_HEAP_HELD], route) ? route : NULL;
}

static const char *route_by(uint64_t word)
{
	return route_of((const uint64_t[]){1, GO_HEAP_ARENA - 8, word, word + 4}, 4);
}

static void the_request_of_a_context_is_found(void **state)
{
	(void)state;
	for (unsigned int minor = 17; minor <= 27; minor++) {
		build(minor);
		assert_string_equal(route_by(REQUEST), "POST /orders/7");
		assert_string_equal(route_by(RESPONSE), "POST /orders/7");
		assert_null(route_by(REQUEST + 8)); // inside of it
		assert_null(route_by(URL));
		put(context_at(minor) + 8, process.contexts[GO_HEAP_LOST]); // another one's
		assert_null(route_by(REQUEST));
		done();
	}
}

static void the_mux_knows_the_route_better(void **state)
{
	(void)state;
	build(26);
	put_text(REQUEST + PATTERN_AT, TEXTS + 128, "/orders/{id}");
	assert_string_equal(route_by(REQUEST), "POST /orders/{id}");
	put_text(REQUEST + PATTERN_AT, TEXTS + 128, "POST /orders/{id}");
	assert_string_equal(route_by(REQUEST), "POST /orders/{id}");
	done();
}

static void what_is_no_request_has_no_route(void **state)
{
	static const char hostile[] = "GET\x1b[31m";

	(void)state;
	build(26);
	put_text(REQUEST, TEXTS, hostile);
	assert_null(route_by(REQUEST));
	put(REQUEST, 0x10); // nothing is there
	assert_null(route_by(REQUEST));
	put_text(REQUEST, TEXTS, "GET");
	put(URL + 56 + 8, UINT64_C(1) << 40); // longer than memory
	assert_null(route_by(REQUEST));
	put(URL + 56 + 8, 4000); // long, and there: cut
	memset(at(TEXTS + 64), 'x', 4000);
	assert_int_equal(strspn(route_by(REQUEST) + 4, "x"), strlen(route_by(REQUEST)) - 4);
	put(context_at(26), 0x1234); // no itab
	assert_null(route_by(REQUEST));
	done();
}

static void a_context_in_an_object_of_its_own_is_boxed(void **state)
{
	static struct ct_known_contexts known;

	(void)state;
	build(26);
	known = (struct ct_known_contexts){.census = census, .objects = &objects};
	put(BOX + 32, an_itab());
	put(BOX + 40, process.contexts[GO_HEAP_HELD]);
	put(BOX + 48, an_itab()); // without a context
	put(BOX + 64, 0x1234);
	put(BOX + 72, process.contexts[GO_HEAP_HELD]);
	assert_true(ct_known_contexts_is_boxed(&known, BOX + 32));
	assert_false(ct_known_contexts_is_boxed(&known, BOX + 40)); // its second word
	assert_false(ct_known_contexts_is_boxed(&known, BOX + 48));
	assert_false(ct_known_contexts_is_boxed(&known, BOX + 64));
	assert_false(ct_known_contexts_is_boxed(&known, REQUEST)); // larger objects have more in them
	assert_false(ct_known_contexts_is_boxed(&known, 0));
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_of_a_context_is_found),
		cmocka_unit_test(the_mux_knows_the_route_better),
		cmocka_unit_test(what_is_no_request_has_no_route),
		cmocka_unit_test(a_context_in_an_object_of_its_own_is_boxed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
