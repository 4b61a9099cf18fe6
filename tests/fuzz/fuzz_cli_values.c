// SPDX-License-Identifier: Apache-2.0
/* Values of options. The first byte says which option, the rest is what the user wrote. */
#include "fuzz.h"

#include "cli_values.h"

#include <string.h>

/* What is taken as a number began with a digit: no blanks, no signs that the C library would wrap around. */
static void check_number(int rc, const char *text)
{
	FUZZ_CHECK(rc || (*text >= '0' && *text <= '9'));
}

static int ask(unsigned int option, const char *text, struct ct_error *reterr)
{
	struct ct_output_request request = { 0 };
	uint64_t ns = 0;
	uint32_t number = 0;
	pid_t pid = 0;
	int rc;

	switch (option % 5) {
	case 0:
		rc = ct_cli_duration("-d", text, &ns, reterr);
		FUZZ_CHECK(rc || ns <= UINT64_C(9000000000000000000));
		return rc;
	case 1:
		rc = ct_cli_number("--exit-code", text, 3, 255, &number, reterr);
		check_number(rc, text);
		FUZZ_CHECK(rc || (number >= 3 && number <= 255));
		return rc;
	case 2:
		rc = ct_cli_pid(text, &pid, reterr);
		check_number(rc, text);
		FUZZ_CHECK(rc || pid > 0);
		return rc;
	case 3:
		rc = ct_cli_format(text, &request, reterr);
		FUZZ_CHECK(rc || !strncmp(text, request.format, strlen(request.format)));
		FUZZ_CHECK(!request.file || *request.file);
		return rc;
	default:
		return ct_cli_fail_on(text, &number, reterr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_error error = CT_ERROR_INIT;
	char *text;
	int rc;

	if (!size)
		return 0;
	text = fuzz_copy(data + 1, size - 1);
	rc = ask(data[0], text, &error);
	FUZZ_CHECK(rc == 0 || *error.message);
	free(text);
	return 0;
}
