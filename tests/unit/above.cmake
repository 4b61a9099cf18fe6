# SPDX-License-Identifier: Apache-2.0
# What stands above the core: recordings.
ctxtrace_unit(recording ctxtrace_probe)
