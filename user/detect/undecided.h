// SPDX-License-Identifier: Apache-2.0
/* What is old and uncancelled while the proof is not in yet; why, and how to decide. */
#pragma once

#include "detect/detector.h"

/** @return true when the group is worth telling: a few AfterFunc registrations are correct code whatever the proof. */
bool ct_undecided_is_told(const struct ct_group *group);

/** Add why nothing can be said yet and what would decide it. */
void ct_undecided_explain(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *why);
