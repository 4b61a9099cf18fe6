// SPDX-License-Identifier: Apache-2.0
/* Lists of enumerator names for the text codec; single names are in ctxtrace/source.h. */
#pragma once

/** Enumerations that have names. */
enum ct_names {
	CT_NAMES_KIND,
	CT_NAMES_REASON,
	CT_NAMES_RUNTIME,
	CT_NAMES_END_REASON,
	CT_NAMES_OBSERVED_STATE,
	CT_NAMES_RETAINED, /**< Names of bits, lowest first. */
	CT_NAMES_END,
};

/** @return the names in order of their numbers, NULL-terminated. */
const char *const *ct_names(enum ct_names names);
