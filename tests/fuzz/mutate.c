// SPDX-License-Identifier: Apache-2.0
#include "mutate.h"

#include <string.h>

#define CHANGES_MAX 8
#define RANGE_MAX   64

static uint64_t roll(struct dice *dice)
{
	dice->state ^= dice->state >> 12;
	dice->state ^= dice->state << 25;
	dice->state ^= dice->state >> 27;
	return dice->state * UINT64_C(0x2545f4914f6cdd1d);
}

size_t dice_below(struct dice *dice, size_t bound)
{
	return bound ? (size_t)((roll(dice) >> 16) % bound) : 0;
}

static void flip_bit(struct dice *dice, struct mutant *mutant)
{
	if (mutant->size)
		mutant->bytes[dice_below(dice, mutant->size)] ^= (uint8_t)(1u << dice_below(dice, 8));
}

static void set_byte(struct dice *dice, struct mutant *mutant)
{
	if (mutant->size)
		mutant->bytes[dice_below(dice, mutant->size)] = (uint8_t)roll(dice);
}

/* Numbers at which counts and offsets break, in any width. */
static void set_number(struct dice *dice, struct mutant *mutant)
{
	static const uint64_t numbers[] = { 0,		1,	    0x7f,	  0xff,	     0x7fff,	0xffff,
					    0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, UINT64_MAX - 7 };
	size_t width = (size_t)1 << dice_below(dice, 4);
	uint64_t number = numbers[dice_below(dice, sizeof(numbers) / sizeof(*numbers))];

	if (mutant->size >= width)
		memcpy(mutant->bytes + dice_below(dice, mutant->size - width + 1), &number, width);
}

static void add_to_number(struct dice *dice, struct mutant *mutant)
{
	size_t at = dice_below(dice, mutant->size);
	uint32_t number;

	if (mutant->size - at < sizeof(number))
		return;
	memcpy(&number, mutant->bytes + at, sizeof(number));
	number += (uint32_t)dice_below(dice, 33) - 16;
	memcpy(mutant->bytes + at, &number, sizeof(number));
}

static void cut_out(struct dice *dice, struct mutant *mutant)
{
	size_t at = dice_below(dice, mutant->size);
	size_t length = 1 + dice_below(dice, RANGE_MAX);

	if (length > mutant->size - at)
		length = mutant->size - at;
	memmove(mutant->bytes + at, mutant->bytes + at + length, mutant->size - at - length);
	mutant->size -= length;
}

static void insert(struct dice *dice, struct mutant *mutant, const uint8_t *from, size_t available)
{
	size_t at = dice_below(dice, mutant->size + 1);
	size_t begin = dice_below(dice, available), length = 1 + dice_below(dice, RANGE_MAX);
	uint8_t range[RANGE_MAX];

	if (length > available - begin)
		length = available - begin;
	if (length > MUTANT_BYTES_MAX - mutant->size)
		return;
	memcpy(range, from + begin, length); // `from` may be the mutant itself
	memmove(mutant->bytes + at + length, mutant->bytes + at, mutant->size - at);
	memcpy(mutant->bytes + at, range, length);
	mutant->size += length;
}

static void overwrite(struct dice *dice, struct mutant *mutant, const struct mutant *other)
{
	size_t begin = dice_below(dice, other->size), length = 1 + dice_below(dice, RANGE_MAX);
	size_t at = dice_below(dice, mutant->size);

	if (length > other->size - begin)
		length = other->size - begin;
	if (length > mutant->size - at)
		length = mutant->size - at;
	memcpy(mutant->bytes + at, other->bytes + begin, length);
}

static void change(struct dice *dice, struct mutant *mutant, const struct mutant *other)
{
	switch (dice_below(dice, 9)) {
	case 0:
	case 1:
		flip_bit(dice, mutant);
		break;
	case 2:
		set_byte(dice, mutant);
		break;
	case 3:
		set_number(dice, mutant);
		break;
	case 4:
		add_to_number(dice, mutant);
		break;
	case 5:
		cut_out(dice, mutant);
		break;
	case 6:
		insert(dice, mutant, mutant->bytes, mutant->size);
		break;
	case 7:
		insert(dice, mutant, other->bytes, other->size);
		break;
	default:
		overwrite(dice, mutant, other);
		break;
	}
}

void mutate(struct dice *dice, struct mutant *mutant, const struct mutant *other)
{
	for (size_t i = 0, changes = 1 + dice_below(dice, CHANGES_MAX); i < changes; i++)
		change(dice, mutant, other);
	if (dice_below(dice, 16) == 0)
		mutant->size = dice_below(dice, mutant->size + 1);
}
