# SPDX-License-Identifier: Apache-2.0
"""A report, and what tests say about it. Every failure shows what was there instead."""
import json
import os

from e2e import Failed, check, pretty


class Report:
    """The JSON report of schema ctxtrace-report/1; indexed as the dictionary it is."""

    def __init__(self, text, errors=()):
        self.text, self.errors = text, list(errors)
        try:
            self.json = json.loads(text)
        except ValueError as error:
            raise Failed(f"the report is no JSON: {error}: {text[:500]!r}") from None
        check(self.json.get("schema") == "ctxtrace-report/1", f"schema is {self.json.get('schema')!r}")

    def __getitem__(self, name):
        check(name in self.json, f"the report has no {name}: {sorted(self.json)}")
        return self.json[name]

    def summary(self):
        quality, contexts = self["quality"], self["contexts"]
        kinds = [f"{f['severity']} {f['kind']} {f['confidence']} x{f['count']} {where(f)}" for f in self["findings"]]
        return f"report: {quality['verdict']}, dropped {quality['dropped']}, contexts {contexts}, findings {kinds}, " \
               f"undecided {[(u['count'], where(u)) for u in self['undecided']]}"

    def fail(self, message):
        short = {name: self.json.get(name) for name in ("quality", "contexts", "findings", "undecided")}
        raise Failed(f"{message}\n{pretty(short)}\nstderr: {self.errors[-10:]}")

    def expect(self, condition, message):
        if not condition:
            self.fail(message)

    def expect_complete(self):
        quality = self["quality"]
        self.expect(quality["verdict"] == "complete", f"verdict is {quality['verdict']}")
        self.expect(not any(quality["dropped"].values()), f"events were dropped: {quality['dropped']}")

    def leaks(self):
        return [f for f in self["findings"] if f["severity"] == "leak"]

    def expect_no_leak(self):
        self.expect(not self.leaks(), "correct code was called a leak")

    def expect_nothing_confirmed(self):
        self.expect(not [f for f in self["findings"] if f["confidence"] == "confirmed"], "a finding was confirmed")

    def expect_finding(self, kind, function, file=None, line=None, severity="leak", confidence="confirmed"):
        """Exactly one finding of this kind at this function (a full name, or a test of it) and line."""
        is_it = function if callable(function) else lambda name: name == function
        found = [f for f in self["findings"] if f["kind"] == kind and is_it(top(f).get("function") or "")]
        self.expect(len(found) == 1, f"{len(found)} findings of kind {kind} at {function}, not 1")
        finding = found[0]
        for name, wanted in (("severity", severity), ("confidence", confidence)):
            self.expect(wanted is None or finding[name] == wanted, f"{kind}: {name} is {finding[name]}, not {wanted}")
        frame = top(finding)
        self.expect(file is None or os.path.basename(frame["file"] or "") == file, f"{kind}: wrong file: {frame}")
        self.expect(line is None or frame["line"] == line, f"{kind}: line is {frame['line']}, not {line}: {frame}")
        for name in ("evidence", "advice", "fingerprint"):
            self.expect(finding[name], f"{kind}: no {name}")
        return finding

    def expect_counts(self, truth):
        """contexts.* against a ground truth with the same names."""
        contexts = self["contexts"]
        got = {"created": contexts["created"], "cancel_called": contexts["cancel_called"],
               **{name: contexts["ended"][name] for name in ("explicit", "deadline", "parent")}}
        wrong = {name: {"report": got[name], "truth": truth[name]} for name in got if got[name] != truth[name]}
        self.expect(not wrong, f"counts differ from the truth: {wrong}")


def top(finding):
    frames = finding["site"].get("frames") or [{}]
    return frames[0]


def where(finding):
    frame = top(finding)
    return f"{frame.get('function')} {os.path.basename(frame.get('file') or '?')}:{frame.get('line')}"


def marked_line(path, name, comment="LEAK:"):
    """(file name, line number) of the line that carries the comment."""
    with open(path, encoding="utf-8") as source:
        numbers = [number for number, line in enumerate(source, 1) if line.rstrip().endswith(comment + name)]
    check(len(numbers) == 1, f"{path}: {len(numbers)} lines are marked {comment}{name}")
    return os.path.basename(path), numbers[0]
