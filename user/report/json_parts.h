// SPDX-License-Identifier: Apache-2.0
/* The larger parts of the JSON report. */
#pragma once

#include "ctxtrace/report.h"
#include "report/json_writer.h"

/** Sites shown, the most productive first. */
#define CT_JSON_SITES_MAX 1000

/** `frames`: functions, files, lines, innermost first. */
void ct_json_frames(struct ct_json *json, const struct ct_site *site);

/** `findings` and `undecided`. */
void ct_json_findings(struct ct_json *json, const struct ct_snapshot *snapshot);

/** `cancels`: who cancelled what. */
void ct_json_cancels(struct ct_json *json, const struct ct_snapshot *snapshot);

/** `sites`. @return 0 or -ENOMEM. */
int ct_json_sites(struct ct_json *json, const struct ct_snapshot *snapshot);

/** `retained_by`: the keepers' names. */
void ct_json_retention(struct ct_json *json, uint8_t retained_by);

/** `census`, in a window without probes. @return 0 or -ENOMEM. */
int ct_json_census(struct ct_json *json, const struct ct_snapshot *snapshot);

struct ct_tree_entry;

/** `tree` of contexts in the order of a walk. */
void ct_json_nodes(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_tree_entry *order, int count);

/** `tree`. @return 0 or -ENOMEM. */
int ct_json_tree(struct ct_json *json, const struct ct_snapshot *snapshot);
