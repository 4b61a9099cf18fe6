// SPDX-License-Identifier: Apache-2.0
/* What --metrics is told: headers of clients, and the user's address. The first byte says which, the rest is the text. */
#include "fuzz.h"

#include "agent/http_accept.h"
#include "agent/http_address.h"

#include <string.h>
#include <strings.h>

static void try_address(const char *text)
{
	struct ct_http_address address = { .host = "untouched" };
	struct ct_error error = CT_ERROR_INIT;

	if (ct_http_address_parse(text, &address, &error)) {
		FUZZ_CHECK(*error.message && *error.hint && !strcmp(address.host, "untouched"));
		return;
	}
	FUZZ_CHECK(*address.host && strlen(address.host) < sizeof(address.host) && !strpbrk(address.host, "[]"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = fuzz_copy(data + 1, size - 1);
	switch (data[0] % 3) {
	case 0: // nobody gets what he did not ask for
		FUZZ_CHECK(ct_accept_dialect(text) == CT_DIALECT_TEXT || strcasestr(text, "openmetrics"));
		break;
	case 1:
		FUZZ_CHECK(!ct_accept_gzip(text) || strcasestr(text, "gzip") || strchr(text, '*'));
		break;
	default:
		try_address(text);
	}
	free(text);
	return 0;
}
