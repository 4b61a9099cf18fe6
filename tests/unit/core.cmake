# SPDX-License-Identifier: Apache-2.0
# Rooms of the core: base, event, tree, detect. No privilege, no target, no clock.
foreach(part detect detect_rules)
  ctxtrace_unit(${part} ctxtrace_core)
endforeach()
