// SPDX-License-Identifier: Apache-2.0
/* Where --metrics listens: from what the user wrote to a listening socket. */
#pragma once

#include "ctxtrace/error.h"

#include <stdbool.h>
#include <stdint.h>

/** Host and port, as getaddrinfo() takes them. */
struct ct_http_address {
	char host[256];
	uint16_t port; /**< 0: any that is free. */
};

/** "9435" and ":9435" are on the loopback interface; else "host:port" or "[IPv6]:port". @return 0 or -EINVAL. */
int ct_http_address_parse(const char *text, struct ct_http_address *ret, struct ct_error *reterr);

/** Room for a socket's own address as a URL has it. */
#define CT_HTTP_PLACE_BYTES 64

/**
 * Listen.
 *
 * @param ret_place  The address that was got, numeric, with its port.
 * @return a descriptor that never blocks, or negative errno told in reterr.
 */
int ct_http_address_listen(const struct ct_http_address *address, char ret_place[static CT_HTTP_PLACE_BYTES],
			   struct ct_error *reterr);
