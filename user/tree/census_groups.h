// SPDX-License-Identifier: Apache-2.0
/* What the tree does for its census groups (ctxtrace/census_groups.h). Private to the room. */
#pragma once

#include "ctxtrace/census_groups.h"
#include "ctxtrace/event.h"

/** A complete reading has been told: count again. @return 0 or -ENOMEM, and nothing has changed then. */
int ct_census_groups_update(struct ct_tree *tree, const struct ct_event_scan *scan);

/** Another program from now on. */
void ct_census_groups_forget(struct ct_tree *tree);

/** Release them. */
void ct_census_groups_done(struct ct_tree *tree);

/** Make room for the sample of this reading, the oldest goes, and leave it empty behind the last. */
void ct_census_samples_open(struct ct_census_group *group, uint64_t time_ns);
