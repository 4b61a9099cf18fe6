// SPDX-License-Identifier: Apache-2.0
/* Small changes to an input, from dice that fall the same way in every run. */
#pragma once

#include "fuzz.h"

/** Longest input. */
#define MUTANT_BYTES_MAX 32768

/** An input that can be changed in place. */
struct mutant {
	size_t size;
	uint8_t bytes[MUTANT_BYTES_MAX];
};

/** The dice (xorshift64*). */
struct dice {
	uint64_t state;
};
#define DICE_INIT { UINT64_C(0x9e3779b97f4a7c15) }

/** @return a number below `bound`; 0 when that is 0. */
size_t dice_below(struct dice *dice, size_t bound);

/** Change one to eight things in `mutant`; some come from `other`. */
void mutate(struct dice *dice, struct mutant *mutant, const struct mutant *other);
