// SPDX-License-Identifier: Apache-2.0
typedef int ct_report_placeholder;
