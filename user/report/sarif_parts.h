// SPDX-License-Identifier: Apache-2.0
/* The parts of a SARIF file. */
#pragma once

#include "ctxtrace/report.h"
#include "report/json_writer.h"
#include "report/places.h"

/** GitHub takes so many results in one run. */
#define CT_SARIF_RESULTS_MAX 25000

/** @return "note", "warning" or "error". */
const char *ct_sarif_level(enum ct_severity severity);

/** One finding as a result. */
void ct_sarif_result(struct ct_json *json, const struct ct_snapshot *snapshot, size_t index);
