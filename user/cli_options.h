// SPDX-License-Identifier: Apache-2.0
/*
 * The table of options: the parser, --help and nobody else reads it. A new option is one setter and one row.
 */
#pragma once

#include "cli.h"

/** Under which heading --help shows an option; in this order. */
enum ct_option_group {
	CT_OPTION_WHAT,
	CT_OPTION_REPORT,
	CT_OPTION_RULES,
	CT_OPTION_STATUS,
	CT_OPTION_TALK,
	CT_OPTION_END,
};

/** One option: how it is spelled, where it is allowed, what it does, what --help says. */
struct ct_option_row {
	enum ct_option_group group;
	int key; /**< Its letter, or a number above 255. */
	const char *name;
	const char *argument; /**< NULL: takes none; "[=X]": optional. */
	uint32_t commands; /**< Bit per command: CT_COMMAND_BIT(). */
	int (*set)(struct ct_options *options, const char *value, struct ct_error *reterr);
	const char *help; /**< One line. */
};

#define CT_COMMAND_BIT(command) (1u << (command))

/** All options. */
extern const struct ct_option_row ct_option_rows[];
extern const unsigned int ct_option_rows_count;

/** More than there are, for arrays of getopt. */
#define CT_OPTION_ROWS_MAX 64
