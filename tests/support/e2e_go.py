# SPDX-License-Identifier: Apache-2.0
"""Building Go targets: any toolchain the module proxy has, kept in the build directory until a source changes."""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

from e2e import Failed, Skip, check, environment, note

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "targets"
DEFAULT = "1.26.8"
# Every series ctxtrace knows, at its last patch release known to the module proxy.
VERSIONS = {"1.17": "1.17.13", "1.18": "1.18.10", "1.19": "1.19.13", "1.20": "1.20.14", "1.21": "1.21.13",
            "1.22": "1.22.12", "1.23": "1.23.12", "1.24": "1.24.13", "1.25": "1.25.7", "1.26": "1.26.8",
            "1.27": "1.27.3"}
NOT_TO_BE_HAD = ("dial tcp", "no such host", "i/o timeout", "connection refused", "toolchain not available",
                 "TLS handshake", "proxyconnect", "403 Forbidden")


def find_go():
    places = (shutil.which("go"), os.path.expanduser("~/.cache/ctxtrace/go/bin/go"), "/usr/local/go/bin/go")
    for place in places:
        if place and os.access(place, os.X_OK):
            return place
    raise Skip("no go command here; ./dev test fetches one")


def cache():
    directory = pathlib.Path(environment("E2E_CACHE"))
    (directory / "go").mkdir(parents=True, exist_ok=True)
    return directory / "go"


def _fingerprint(directory, *words):
    """Of the words and of every source that goes into the program in this directory."""
    digest = hashlib.sha256(repr(words).encode())
    for folder in (SOURCES, SOURCES / "target", directory):
        for path in sorted(folder.iterdir()):
            if path.suffix in (".go", ".mod", ".sum"):
                digest.update(str(path.relative_to(SOURCES)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def minor(version):
    return int(version.split(".")[1])


def _environment(version):
    """The go command at hand runs any toolchain, but each old one has a quirk in a place it was not made for."""
    env = dict(os.environ, GOTOOLCHAIN="go" + version, GOWORK="off", GOFLAGS="-buildvcs=false")
    env.setdefault("HOME", "/root")
    if minor(version) < 18:
        env["GOFLAGS"] = "-mod=readonly"  # the default; it does not know -buildvcs, and empty asks `go env -w`
    if minor(version) == 19:
        env["GODEBUG"] = "goindex=0"  # else it finds no standard library inside the module cache
    return env


def run_go(arguments, version=DEFAULT, directory=SOURCES):
    """@return what it said on standard error; Skip when the toolchain or a module cannot be fetched."""
    env = _environment(version)
    line = [find_go(), *arguments]
    note(f"+ GOTOOLCHAIN=go{version} " + " ".join(line))
    done = subprocess.run(line, cwd=directory, env=env, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode and any(sign in done.stderr for sign in NOT_TO_BE_HAD):
        raise Skip(f"Go {version} or a module cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
    if done.returncode:
        raise Failed(f"go {' '.join(arguments)}: {done.stderr[-3000:]}")
    return done.stderr


def build_test(package, version=DEFAULT, tags=""):
    """A package's test binary, as `go test -c` makes it. @return its path."""
    directory = (SOURCES / package).resolve()
    out = cache() / f"{directory.name}-{version}-{_fingerprint(directory, version, tags)}.test"
    with open(str(out) + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            run_go(["test", "-c", "-tags", tags, "-o", str(out) + ".new", package], version)
            os.replace(str(out) + ".new", out)
    return out


def build(package, version=DEFAULT, flags=(), module="", strip=False):
    """The built program's path. `package` is a directory of the nested module `module`, or of the targets; or an import
    path of what that module requires."""
    is_ours = package.startswith(".")
    directory = (SOURCES / module / (package if is_ours else "")).resolve()
    name = directory.name if is_ours else package.replace("/", "_")
    name = f"{name}-{version}-{_fingerprint(directory, version, flags, strip)}"
    out = cache() / name
    with open(cache() / (name + ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            run_go(["build", *flags, "-o", str(out) + ".new", package], version, SOURCES / module)
            if strip:
                subprocess.run(["strip", "--strip-all", str(out) + ".new"], check=True)
            os.replace(str(out) + ".new", out)
    return out


def with_profile(version):
    """go_pgo, built with a profile of itself; the inlined creator is what the case is about."""
    profile = cache() / f"go_pgo-{version}.pgo"
    plain, inlined = build("./go_pgo", version), 0
    for seconds in (5, 20, 60):  # a busy machine takes few samples in a few seconds
        if not profile.exists() or profile.stat().st_mtime < plain.stat().st_mtime:
            subprocess.run([plain, "-profile", profile, "-seconds", str(seconds)], check=True, stderr=subprocess.DEVNULL,
                           timeout=seconds + 120)
        said = run_go(["build", f"-pgo={profile}", "-gcflags=-m", "-o", f"{profile}.exe", "./go_pgo"], version)
        inlined = said.count("inlining call to context.WithCancel")
        if inlined:
            break
        profile.unlink()
    note(f"Go {version}: {inlined} creators inlined")
    check(inlined, "the profile has made the compiler inline nothing, so nothing is shown")
    return f"{profile}.exe"
