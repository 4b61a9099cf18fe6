// SPDX-License-Identifier: Apache-2.0
/* From groups to findings: figures, fingerprints, suppression and the order of the report. */
#pragma once

#include "detect/groups.h"

/** Judge every group and append what it comes to. @return 0 or -ENOMEM; then release `findings` all the same. */
int ct_findings_build(struct ct_findings *findings, const struct ct_groups *groups,
		      const struct ct_detect_input *input);

/** FNV-1a over kind and function names: the same in every run and after every rebuild. */
uint64_t ct_finding_fingerprint(const struct ct_tree *tree, const struct ct_finding *finding);
