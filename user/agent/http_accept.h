// SPDX-License-Identifier: Apache-2.0
/* What a client wants: the two headers that choose a rendering. Whatever they hold, there is an answer. */
#pragma once

#include "report/exposition.h"

#include <stdbool.h>

/** @return OpenMetrics when `accept` prefers it, or likes it as well as plain text; else text. NULL: no such header. */
enum ct_dialect ct_accept_dialect(const char *accept);

/** @return whether `accept_encoding` allows gzip. NULL: no. */
bool ct_accept_gzip(const char *accept_encoding);
