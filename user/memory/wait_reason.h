// SPDX-License-Identifier: Apache-2.0
/* Why a goroutine waits, in Go's own words: runtime.waitReasonStrings by release (src/runtime/runtime2.go). */
#pragma once

#include <stdint.h>

/** @return the text of a runtime.waitReason of Go 1.`minor`; "" when it says nothing or is not known. */
const char *ct_wait_reason_text(unsigned int minor, uint8_t reason);

/** @return the name of a runtime.g's status without the scan flag, as Go's tracebacks print it. */
const char *ct_goroutine_state_text(uint32_t status);
