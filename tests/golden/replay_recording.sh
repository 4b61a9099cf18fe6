#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# replay_recording.sh [--update] CTXTRACE: the recording that `./dev demo` shows where nothing can be attached is one this
# ctxtrace reads, is of this tree's format, small, tells no paths of whoever made it, and gives the report beside it.
# --update writes that report; `./dev record-demo` makes both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
recording=$here/demo.recording expected=$here/demo.expect.txt
bytes_max=300000

fail() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }

update=false
[ "${1:-}" != --update ] || { update=true; shift; }
[ $# = 1 ] || fail "usage: replay_recording.sh [--update] CTXTRACE"

abi=$(sed -n 's/^#define CT_EVENT_ABI //p' "$here/../../include/ctxtrace/event.h")
# Behind the eight bytes of the magic: four bytes, little endian (user/source/recording.h).
recorded=$(od -An -tu4 -j8 -N4 --endian=little < <(gzip -dc "$recording") | tr -d " ")
[ "$recorded" = "$abi" ] || fail "$recording has format $recorded, this tree $abi: ./dev record-demo makes it anew"
[ "$(stat -c %s "$recording")" -le $bytes_max ] || fail "$recording is larger than $bytes_max bytes"
! gzip -dc "$recording" | grep -aoE '/(home|root|tmp)/[[:graph:]]+' || fail "$recording tells these paths of its maker"

report=$("$1" replay "$recording" --min-age 2s) || fail "replay ended with $?"
if $update; then printf '%s\n' "$report" >"$expected"; fi
diff -u "$expected" <(printf '%s\n' "$report") || fail "the replay differs from $expected"
grep -q '^LEAK lost-cancel, confirmed' "$expected" || fail "$expected does not show the leak"
