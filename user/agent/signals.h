// SPDX-License-Identifier: Apache-2.0
/* Ctrl-C and SIGTERM: the first one ends the window, the next one the process; two at once are one. */
#pragma once

#include <stdbool.h>
#include <sys/signalfd.h>

/** From here on the two are read instead of delivered. @return a descriptor that never blocks, or negative errno. */
int ct_signals_open(void);

/**
 * Take the first signal; from a fifth of a second later on the next one leaves at once, with status 128 + its number.
 * @return false when there is none.
 */
bool ct_signals_take(int fd, struct signalfd_siginfo *ret_info);
