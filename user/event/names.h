// SPDX-License-Identifier: Apache-2.0
/* Lists of names for the text codec; single names are in ctxtrace/source.h. */
#pragma once

#include "ctxtrace/event.h"

/** Names of enum ct_context_kind, NULL-terminated. */
extern const char *const ct_kind_names[CT_KIND_END + 1];

/** Names of enum ct_cancel_reason, NULL-terminated. */
extern const char *const ct_reason_names[CT_REASON_END + 1];

/** Names of enum ct_observed_state, NULL-terminated. */
extern const char *const ct_observed_names[CT_OBSERVED_END + 1];

/** Names of enum ct_holder_kind, NULL-terminated. */
extern const char *const ct_holder_names[CT_HOLDER_END + 1];
/** Names of enum ct_fact_name, NULL-terminated; 0 is none. */
extern const char *const ct_fact_names[CT_FACT_NAME_END + 1];
