// SPDX-License-Identifier: Apache-2.0
/* A build without protobuf-c: -f pprof is one clear line, and everything else is there. */
#include "cli_values.h"
#include "ctxtrace/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void pprof_is_refused_in_words(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_output_request request;

	(void)state;
	assert_int_equal(ct_cli_format("pprof=a.pb.gz", &request, &error), -EINVAL);
	assert_string_equal(error.message, "--format: this build has no pprof: it was built without protobuf-c; "
					   "install libprotobuf-c-dev and protobuf-c-compiler, build again");
	assert_int_equal(ct_cli_format("pprof", &request, &error), -EINVAL);
}

static void the_others_are_there(void **state)
{
	struct ct_output_request request;

	(void)state;
	for (size_t i = 0; ct_reporters[i]; i++)
		if (strcmp(ct_reporters[i]->name, "pprof"))
			assert_int_equal(ct_cli_format(ct_reporters[i]->name, &request, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pprof_is_refused_in_words),
		cmocka_unit_test(the_others_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
