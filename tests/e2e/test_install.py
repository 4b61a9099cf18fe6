# SPDX-License-Identifier: Apache-2.0
"""`cmake --install` to a prefix: a library others can build against, and programs that run from there."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import Skip, case, check, environment, main, note

PROGRAM = r"""
#include <ctxtrace/context.h>
#include <stdio.h>

int main(void)
{
	cctx_t *parent = cctx_with_cancel(cctx_background());
	cctx_t *child = cctx_with_timeout(parent, 60 * CCTX_SECOND);
	int before = cctx_err(child);

	cctx_cancel(parent, "enough");
	printf("%d %d %s\n", before, cctx_done(child), cctx_cause(child));
	cctx_unref(child);
	cctx_unref(parent);
	return 0;
}
"""


def run(*line, **options):
    note("+ " + " ".join(str(word) for word in line))
    done = subprocess.run([str(word) for word in line], capture_output=True, text=True, timeout=120, check=False, **options)
    check(done.returncode == 0, f"status {done.returncode}: {done.stdout[-500:]} {done.stderr[-1500:]}")
    return done.stdout


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"no {program} here")


@contextlib.contextmanager
def installed():
    need("cmake")
    with tempfile.TemporaryDirectory() as directory:
        prefix = pathlib.Path(directory) / "prefix"
        run("cmake", "--install", environment("E2E_BUILD"), "--prefix", prefix)
        yield prefix


def only(prefix, pattern):
    found = sorted(prefix.glob(pattern))
    check(len(found) == 1, f"{pattern}: {found}")
    return found[0]


@case("library")
def library():
    """Header, library with its soname, pkg-config: a program is compiled as its user would, and runs."""
    need("cc", "pkg-config", "readelf")
    with installed() as prefix:
        shared = only(prefix, "lib*/**/libctxtrace-context.so")
        if "libasan" in run("ldd", shared):
            raise Skip("this build has AddressSanitizer, which a plain program cannot load")
        soname = re.search(r"SONAME.*\[(.*)\]", run("readelf", "-d", shared)).group(1)
        check(soname == "libctxtrace-context.so.0" and (shared.parent / soname).exists(), f"soname {soname}")
        check([path.name for path in prefix.glob("include/ctxtrace/*")] == ["context.h"], "one header is public")
        source, program = prefix / "program.c", prefix / "program"
        source.write_text(PROGRAM, encoding="ascii")
        env = {**os.environ, "PKG_CONFIG_PATH": str(only(prefix, "lib*/**/ctxtrace-context.pc").parent)}
        flags = run("pkg-config", "--cflags", "--libs", "ctxtrace-context", env=env).split()
        check("0.1.0" in run("pkg-config", "--modversion", "ctxtrace-context", env=env), "its version")
        compilers = [("cc", "-std=c99"), ("cc", "-std=gnu17")] + ([("c++", "-xc++")] if shutil.which("c++") else [])
        for compiler, standard in compilers:
            run(compiler, standard, "-Wall", "-Wextra", "-pedantic", "-Werror", source, "-o", program, *flags)
            said = run(program, env={**os.environ, "LD_LIBRARY_PATH": str(shared.parent)})
            check(said == "0 1 enough\n", f"{compiler} {standard}: the program says {said!r}")


@case("programs")
def programs():
    """ctxtrace and ctxdemo run from the prefix without an environment; the manual page is there."""
    with installed() as prefix:
        check(run(prefix / "bin" / "ctxtrace", "--version").startswith("ctxtrace "), "no version")
        truth = json.loads(run(prefix / "bin" / "ctxdemo", "leak", "--rounds", "3").splitlines()[-1])
        check(truth["scenario"] == "leak" and truth["rounds"] == 3, f"ctxdemo says {truth}")
        used = run("ldd", prefix / "bin" / "ctxdemo")
        check(re.search(rf"libctxtrace-context\S+ => {re.escape(str(prefix))}/", used.replace("/bin/..", "")),
              f"it has another library than the one beside it: {used}")
        if shutil.which("scdoc"):
            page = only(prefix, "share/man/man1/ctxtrace.1").read_text(encoding="utf-8")
            check(".TH" in page and "--fail-on" in page, "no manual page")


if __name__ == "__main__":
    main()
