#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctxtrace on other kernels, each in a throw-away machine emulated by QEMU: no network, no disk, nothing installed here.
#
#   tests/kernels/run.sh [SUITE[=VERSION]...]    the newest cloud kernel of a Debian suite, or the newest 6.1 of it
#
# Kernels come from the Debian mirror that apt is set up for and are kept in build/kernels. Emulation is slow, so it
# tells whether, not how fast. Ends with one line that counts; status 77 when nothing could be run.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
cache=$top/build/kernels
agent=build/release/ctxtrace
seconds=300

skip() { printf 'SKIP: %s\n' "$*"; exit 77; }

# Suites that the machine does not use get an apt state of their own.
use_suite() { # suite
  local state=$cache/apt/$1 mirror
  mirror=$(sed -nE 's/^URIs: *([^ ]*debian\/?)$/\1/p; s/^deb (\[[^]]*\] )?([^ ]*debian\/?) .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1)
  [ -n "$mirror" ] || { echo "apt is set up for no Debian mirror"; return 1; }
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$state/sources.list"
  cat >"$state/apt.conf" <<TEXT
Dir::State "$state"; Dir::State::status "/var/lib/dpkg/status"; Dir::Cache "$state";
Dir::Etc::sourcelist "$state/sources.list"; Dir::Etc::sourceparts "/dev/null"; APT::Sandbox::User "root";
TEXT
  export APT_CONFIG=$state/apt.conf
  [ -n "$(find "$state/lists" -maxdepth 1 -name '*Packages*' -mtime -1)" ] || apt-get -qq update
}

newest_package() { # version, or nothing
  apt-cache search --names-only '^linux-image-[0-9.]+.*-cloud-amd64$' | awk '{ print $1 }' |
    grep -F "linux-image-$1" | sort -V | tail -1
}

# Unpacks a package without installing it; newer ones have the kernel in a package of its own.
unpack() { # package, directory
  local more
  more=$(apt-cache depends "$1" | sed -nE 's/^ *Depends: (linux-(binary|base)-[0-9].*)/\1/p')
  # shellcheck disable=SC2086
  (cd "$2" && apt-get -qq download "$1" $more 2>/dev/null && for deb in ./*.deb; do dpkg-deb -x "$deb" .; done)
}

fetch() { # package, path of a file in it, where to keep that
  [ ! -s "$3" ] || return 0
  local place
  place=$(mktemp -d "$work/unpack.XXXXXX")
  unpack "$1" "$place" && find "$place" -type f -path "$2" -exec install -D -m 755 {} "$3" \; -quit
  [ -s "$3" ]
}

add() { # root of the guest, file
  install -D -m 755 "$2" "$1/$(basename "$2")"
  { ldd "$2" 2>/dev/null | grep -o '/[^ ]*' || true; } | while read -r library; do
    [ -e "$1$library" ] || install -D -m 755 "$library" "$1$library"
  done
}

build_go_target() { # where
  command -v go >/dev/null || { echo "no go here: the Go program is left out"; return 0; }
  (cd tests/targets && GOWORK=off GOFLAGS=-buildvcs=false go build -o "$1/go_counts" ./go_counts) ||
    echo "the Go program cannot be built and is left out"
}

make_image() { # image
  local root=$work/root
  mkdir -p "$root"/{bin,proc,sys,dev,tmp,root}
  install -m 755 "$cache/busybox" "$root/bin/busybox"
  for file in "$agent" build/release/user/context/ctxdemo tests/kernels/guest.sh; do add "$root" "$file"; done
  build_go_target "$root"
  cat >"$root/init" <<'TEXT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tracefs tracefs /sys/kernel/tracing
dmesg -n 1
printf '\nbegin\n'
sh /guest.sh
poweroff -f
TEXT
  chmod 755 "$root" "$root/init"
  (cd "$root" && find . | "$cache/busybox" cpio -o -H newc 2>/dev/null) | gzip -1 >"$1"
}

boot() { # kernel, image; cmpxchg16b is left out because QEMU 7.2 makes 6.12 panic with it
  timeout -k 5 "$seconds" nice qemu-system-x86_64 -accel tcg,thread=multi -cpu Haswell-v4,-cx16 -smp 2 -m 1024 \
    -nodefaults -nographic -no-reboot -nic none -serial stdio -monitor none -kernel "$1" -initrd "$2" \
    -append "console=ttyS0 panic=-1 quiet mitigations=off" </dev/null 2>"$work/qemu" | tr -d '\r'
}

try() { # suite[=version]
  local suite=${1%%=*} version="" package log
  [ "$suite" = "$1" ] || version=${1#*=}.
  use_suite "$suite" && package=$(newest_package "$version") && fetch "$package" '*/vmlinuz*' "$cache/$package" ||
    { echo "skipped 1 ($1): no such kernel to be had"; skipped=$((skipped + 1)); return; }
  log=$cache/$package.log
  for _ in 1 2 3; do # an emulated processor now and then kills a kernel before our first process
    boot "$cache/$package" "$image" >"$log" || true
    ! grep -qE '^result|^begin|BUG:' "$log" || break
  done
  echo "${package#linux-image-}: $(grep '^result' "$log" | tail -1 | cut -d' ' -f2- || true)"
  if grep -q '^result' "$log" && ! grep -q '^result.*wrong:' "$log"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    tail -40 "$log"
    grep -v "doesn't support requested feature" "$work/qemu" || true
  fi
}

command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64 here; Debian has it in qemu-system-x86"
command -v apt-get >/dev/null || skip "no apt-get here to fetch kernels with"
[ -x "$agent" ] || skip "no $agent; ./dev build makes it"
mkdir -p "$cache"
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
fetch busybox-static '*bin/busybox' "$cache/busybox" || skip "no busybox-static to be had"
image=$work/image passed=0 failed=0 skipped=0
make_image "$image"
[ $# -gt 0 ] || set -- bullseye=5.10 bookworm=6.1 trixie=6.12 trixie-backports
for suite in "$@"; do try "$suite"; done
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" -gt 0 ] || exit 77
