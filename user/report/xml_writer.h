// SPDX-License-Identifier: Apache-2.0
/* Text for XML 1.0: whatever comes in, what goes out is well-formed. */
#pragma once

#include "base/text.h"

/** Add text for an element, lines kept. What XML does not allow becomes `\xNN`, as do control characters. */
void ct_xml_add(struct ct_text *text, const char *value);

/** Add ` name="value"`, on one line. */
void ct_xml_attribute(struct ct_text *text, const char *name, const char *value);
