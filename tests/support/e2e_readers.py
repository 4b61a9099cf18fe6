# SPDX-License-Identifier: Apache-2.0
"""The programs that read our formats: what tests/readers pins, where `./dev deps` puts it, and what Debian has."""
import importlib.util
import os
import shutil
import sys

from e2e import Skip
from e2e_metrics import READERS

PYTHON = READERS / "python/bin/python"
NODE_MODULES = READERS / "node/node_modules"


def run_in_readers(*modules):
    """Called first: runs this program anew in the pinned environment when it lacks the modules here, if there is one."""
    if all(map(importlib.util.find_spec, modules)) or "CTXTRACE_IN_READERS" in os.environ or not PYTHON.exists():
        return
    os.environ["CTXTRACE_IN_READERS"] = "1"
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


def need_modules(*modules):
    for module in modules:
        if not importlib.util.find_spec(module):
            raise Skip(f"no {module} for Python here; ./dev deps fetches what tests/readers pins")


def need_program(name):
    found = shutil.which(name)
    if not found:
        raise Skip(f"no {name} here; ./dev deps installs it")
    return found
