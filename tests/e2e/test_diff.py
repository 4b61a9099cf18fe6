# SPDX-License-Identifier: Apache-2.0
"""`diff`: two reports or recordings compared, whoever wrote them."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from e2e import case, check, main, need_bpf
from e2e_ci import Room, ctxtrace, refused, reports, server_test


def compare(a, b, *options, status=0):
    """@return (counts, {function: (change, count in A, count in B)}, the whole)."""
    told = json.loads(ctxtrace("diff", a, b, "-f", "json", *options, status=status).stdout)
    check(told["schema"] == "ctxtrace-diff/1", f"{told}")
    rows = {f["frames"][0]["function"].rpartition(".")[2]: (f["change"], (f["a"] or {}).get("count"), (f["b"] or {}).get("count"))
            for f in told["findings"]}
    return tuple(told["counts"][name] for name in ("new", "grown", "gone", "unchanged")), rows, told


def near(count, lost):
    return count is not None and lost - 2 <= count <= lost


@case("lives")
def lives():
    """New, grown, gone, unchanged, of whole test runs: by count."""
    need_bpf()
    with Room() as room:
        one, two, more = reports(room)
        counts, rows, told = compare(one, one)
        check(counts == (0, 0, 0, 1) and rows["fetch"][0] == "unchanged" and told["notes"] == [], f"{told}")
        counts, rows, told = compare(one, two)
        check(counts[0] == 1 and rows["log"][:2] == ("new", None) and near(rows["log"][2], 41), f"{told}")
        check(told["compared_by"] == "count" and all(f["b"]["rate_per_min"] > 0 for f in told["findings"]), f"{told}")
        counts, rows, told = compare(two, one)
        check(counts[2] == 1 and rows["log"][0] == "gone" and rows["log"][2] is None, f"{told}")
        counts, rows, told = compare(one, more)
        check(counts == (0, 1, 0, 0) and rows["fetch"][0] == "grown" and near(rows["fetch"][2], 123), f"{told}")
        text = ctxtrace("diff", one, more).stdout
        check(re.search(r"^GROWN LEAK lost-cancel, confirmed: 12\d \([\d,.]+/min\), was \d+ \([\d,.]+/min\)$", text, re.M), text)
        check("0 new, 1 grown, 0 gone, 0 unchanged; compared by count" in text, text)
        room.run(server_test("fixed"))
        text = ctxtrace("diff", one, room.path("report.json"), "--fail-on", "any").stdout
        check("0 new, 0 grown, 1 gone, 0 unchanged" in text and "GONE LEAK lost-cancel" in text, text)
        check("two programs: A is of go_ci-" in text, f"the cache's names differ: {text}")


@case("mixed")
def mixed():
    """Reports and recordings in any mixture say the same; what differs in the programs is told in words."""
    need_bpf()
    with Room() as room:
        one, two, _ = reports(room)
        said = set()
        for a in (one, room.path("one.ctx")):
            for b in (two, room.path("two.ctx")):
                _, rows, told = compare(a, b)
                said.add(json.dumps([told["findings"], told["notes"], told["counts"]]))
        check(len(said) == 1, f"they differ: {said}")
        out = room.path("out.json")
        ctxtrace("diff", one, two, "-f", f"json={out}", "-f", "text")
        check(json.loads(out.read_text(encoding="utf-8"))["counts"]["new"] == 1, "two formats at once")
        for same, note_word in (({"build_id": "aa"}, "two builds of "), ({"exe": "/srv/other"}, "two programs: "),
                                ({"runtime_version": "go1.99"}, "B with go1.99")):
            changed = json.loads(one.read_text(encoding="utf-8"))
            changed["target"].update(same)
            out.write_text(json.dumps(changed), encoding="utf-8")
            notes = compare(one, out)[2]["notes"]
            check(len(notes) == 1 and note_word in notes[0], f"{same}: {notes}")


@case("hostile")
def hostile():
    """Neither report nor recording, or one at odds with itself: one line, status 2. What is shown cannot harm a terminal."""
    with Room() as room:
        bad = room.path("bad.json")
        finding = {"kind": "lost-cancel", "severity": "leak", "confidence": "confirmed", "count": 3, "fingerprint": "0" * 16,
                   "site": {"frames": [{"function": "f\x1b[2J", "file": "x\n.go", "line": 1}]}}
        good = {"schema": "ctxtrace-report/1", "target": {"exe": "/bin/\x07x", "runtime_version": None, "build_id": None},
                "window": {"duration_s": 1.5, "end": None}, "quality": {"verdict": "complete"}, "findings": [finding],
                "undecided": []}
        bad.write_text(json.dumps(good), encoding="utf-8")
        text = ctxtrace("diff", bad, bad).stdout
        check("f\\x1b[2J" in text and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), repr(text))
        said = json.loads(ctxtrace("diff", bad, bad, "-f", "json").stdout)
        check(said["findings"][0]["frames"][0]["function"] == "f\x1b[2J", f"{said}")

        def rejects(content, *words):
            bad.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
            refused("diff", bad, bad, words=[bad, *words])

        for content in (b"", b"{", b"[]", b"null", b"\x1f", b"\x1f\x8b\x08\x00", b"lost", b"{\"schema\": 1}", b"[" * 100000,
                        b'{"schema":"ctxtrace-report/1","schema":"ctxtrace-report/1"}', b"\xff\xfe"):
            rejects(content)
        rejects({**good, "schema": "ctxtrace-report/2"}, "ctxtrace-report/2")
        for name in good:
            rejects({key: value for key, value in good.items() if key != name}, name)
        for name, value in (("kind", "sorrow"), ("severity", "bad"), ("confidence", 1), ("count", -1), ("count", 1.5),
                            ("count", "3"), ("rate_per_min", -1), ("rate_per_min", "1"), ("fingerprint", "0x0"), ("site", None), ("site", {"frames": [1]})):
            rejects({**good, "findings": [finding, {**finding, name: value}]}, "findings[1]")
        for duration in (-1, "1", 1e300, []):
            rejects({**good, "window": {"duration_s": duration, "end": None}}, "duration_s")
        refused("diff", bad, words=["which two"])
        refused("diff", bad, bad, bad)
        refused("diff", bad, bad, "-f", "yaml")
        refused("diff", bad, bad, "--baseline", bad, words=["--baseline"])


if __name__ == "__main__":
    main()
