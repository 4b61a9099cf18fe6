#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What runs on each kernel, by busybox in the emulated machine that run.sh boots: a C program whose leak must be found,
# a Go program whose contexts must be counted exactly. The last line is "result WORDS"; what went wrong is told before.
export NO_COLOR=1
cd /root || exit 1

wait_for() { # seconds, command...
  tries=$(($1 * 10))
  shift
  until "$@"; do
    [ $((tries -= 1)) -gt 0 ] || return 1
    sleep 0.1
  done
}

wrong() {
  echo "$*: $(cat agent.err 2>/dev/null)"
  result="$result, wrong: $*"
}

# The first number of this name in one line of JSON.
field() { grep -oE "\"$1\":[0-9]+" | head -1 | cut -d: -f2; }

look_at_c() {
  /ctxdemo leak >c.out 2>&1 &
  target=$!
  wait_for 20 test -s c.out || wrong "the C program does not start"
  /ctxtrace -p $target -d 10s --min-age 2s -f json=c.json 2>agent.err || wrong "C: status $?"
  if grep -q '"kind":"lost-cancel","severity":"leak","confidence":"confirmed"' c.json; then
    result="$result, C leak found"
  else
    wrong "C leak not found"
  fi
  kill $target
}

look_at_go() {
  mkfifo commands
  /go_counts -workers 16 -rounds 4 <commands >go.out 2>&1 &
  target=$!
  exec 3<>commands # a fifo opened for writing alone waits, and a signal ends that
  wait_for 20 test -s go.out || wrong "the Go program does not start"
  /ctxtrace -p $target -d 20s -f json=go.json 2>agent.err &
  agent=$!
  wait_for 120 grep -q watching agent.err || wrong "Go: not attached"
  # More to run than processors, so that probes are preempted.
  for _ in 1 2; do (while [ -d /proc/$target ]; do :; done) & done
  echo go >&3
  wait $agent || wrong "Go: status $?"
  echo end >&3
  exec 3>&-
  wait $target
  for name in created explicit deadline parent; do
    told=$(sed 's/"kinds":{[^}]*}//' go.out | field $name)
    seen=$(grep -oE '"contexts":\{.*' go.json | field $name)
    [ -n "$told" ] && [ "$told" = "$seen" ] || wrong "Go: $name $seen of $told"
  done
  [ "$(field unmatched <go.json)" = 0 ] || wrong "Go: $(field unmatched <go.json) events unmatched"
  result="$result, $(field created <go.out) Go contexts counted"
}

/ctxtrace check >check.out 2>check.err
status=$?
result=$(grep -oE 'uprobe_multi|perf_event' check.out | head -1)
if [ $status = 3 ] && grep -q 'bpf_get_attach_cookie.*Linux 5.15 or newer is needed' check.err; then
  result="refused: $(sed 's/^ctxtrace: //' check.err)"
elif [ $status != 0 ]; then
  wrong "check: $(cat check.err)"
else
  look_at_c
  [ -x /go_counts ] && look_at_go
fi
dmesg | grep -E 'BUG:|WARNING:|Oops|general protection|soft lockup' && wrong "the kernel complains"
printf '\nresult %s\n' "$result"
