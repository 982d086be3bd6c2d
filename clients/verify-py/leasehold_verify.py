#!/usr/bin/env python3
"""Verifies a bundle of a Leasehold log: is what it claims true and complete?

    python3 leasehold_verify.py BUNDLE --keys KEYS [--json]

Written from docs/evidence-format.md and docs/evidence-laws.md, not from the broker's code. It reads the bundle once,
line by line, and remembers only what is open. Exit code 0 only if everything holds, 1 if not, 2 if it could not look.
"""

import argparse
import json
import sys
from collections import Counter
from typing import Any, BinaryIO, Dict, List, Optional, Tuple

from fold import COMPLETE_TYPES, Broken, Fold, Parts
from forms import (
    TYPES, Fields, Form, Malformed, base64url, check_entry, hash_text, list_of, mapping, number, parse, record, sha256,
    some, text, unbase64, word, write,
)
from notes import Checkpoint, Policy, WrongWitness, judge_witnesses, open_checkpoint

FORM = "leasehold-bundle/2"
COMPLAINTS_MAX = 100
LINE_BYTES_MAX = 1 << 20

SELECTION: Fields = {"agent?": text, "credential?": text, "from?": text, "lease?": text, "task?": text, "to?": text}
OPENING: Fields = {"field": text, "salt": hash_text, "value": text}
is_head = record({"checkpoint": text, "form": word(FORM), "selection?": record(SELECTION)})
openings = some(list_of(record(OPENING)))
is_entry_line = record({"entry": mapping, "index": number, "leaf": hash_text, "openings?": openings})
is_folded_line = record({"from": number, "hash": hash_text, "leaves": number})


class Verifier:
    """Give it the head, then each line, then the end. Every complaint is in `complaints`, in order."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.checkpoint: Optional[Checkpoint] = None
        self.size = 0
        self.peaks: List[Tuple[int, bytes]] = []  # perfect subtrees from the left: leaves, hash
        self.witnesses: List[str] = []
        self.unknown: List[str] = []  # who signed, and nobody here knows
        self.is_readable = True
        self.is_whole = True
        self.selection: Optional[Dict[str, str]] = None
        self.fold: Optional[Fold] = Fold()  # None once a law was broken: what follows cannot be judged
        self.parts: Optional[Parts] = None  # instead of the fold, from the first folded line on
        self.types: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.shown = self.openings = 0
        self.complete: List[str] = []  # types of which nothing is left out
        self.complaints: List[Dict[str, Any]] = []

    def complain(self, index: Optional[int], law: str, meaning: object) -> None:
        self.complaints.append({"index": index, "law": law, "meaning": str(meaning)})
        if len(self.complaints) == COMPLAINTS_MAX:
            self.is_readable = False
            self.complaints.append({"index": None, "law": "bundle", "meaning": "and more: the rest was not looked at"})

    # The head.

    def head(self, line: bytes) -> None:
        try:
            head = read_line(line, is_head, "no head of a bundle of the form " + FORM)
        except Malformed as error:
            self.is_readable = False
            return self.complain(None, "bundle", error)
        self.selection = head.get("selection")
        try:
            self.checkpoint = open_checkpoint(head["checkpoint"], self.policy)
            self.witnesses, self.unknown, is_met = judge_witnesses(head["checkpoint"], self.policy)
            if not is_met:
                self.complain(None, "witness", f"{len(self.witnesses)} known witnesses vouch for it: too few")
        except WrongWitness as error:
            self.complain(None, "witness", error)
        except Malformed as error:
            self.complain(None, "signature", error)

    # Each line.

    def line(self, line: bytes) -> None:
        place = self.size
        try:
            item = read_line(line, is_line, "no line of a bundle")
            if not ascends([opening["field"] for opening in item.get("openings", [])]):
                raise Malformed("openings out of order")
        except Malformed as error:
            self.is_readable = False
            return self.complain(place, "bundle", error)
        leaves = item.get("leaves", 1)
        in_place = item.get("index", item.get("from")) == place
        if not in_place or leaves < 1 or leaves & (leaves - 1) or place % leaves:
            self.is_readable = False
            return self.complain(place, "order", f"stands where leaf {place} must stand")
        if "entry" in item:
            self.entry(place, item)
        else:
            self.push(leaves, unbase64(item["hash"]))
            self.is_whole = False
            if self.fold is not None and self.parts is None:
                self.parts = Parts(self.fold, self.selection)
            if self.parts is not None:
                self.parts.folded()

    def entry(self, place: int, item: Dict[str, Any]) -> None:
        entry, data = item["entry"], write(item["entry"]).encode()
        leaf = sha256(b"\0", data)
        self.push(1, leaf)
        self.shown += 1
        if leaf != unbase64(item["leaf"]):
            self.fold = None
            return self.complain(place, "leaf", "the entry does not have the hash that is stated")
        try:
            check_entry(entry, len(data))
        except Malformed as error:
            self.fold = None
            return self.complain(place, "entry", error)
        self.count(entry["type"], entry["what"])
        for opening in item.get("openings", []):
            self.opening(place, entry, opening)
        if self.fold is None:
            return None
        try:
            if self.parts is None:
                self.fold.apply(entry, leaf)
            else:
                self.parts.apply(place, entry)
        except Broken as broken:
            self.fold = None
            self.complain(place, broken.law, broken.meaning)

    def opening(self, place: int, entry: Dict[str, Any], opening: Dict[str, str]) -> None:
        field, salt, value = opening["field"], unbase64(opening["salt"]), opening["value"]
        named = (part.encode() for part in (entry["type"], field))
        digest = sha256(b"leasehold/v1/opening\0", b"\0".join(named), b"\0", salt, b"\0", value.encode())
        if entry.get("commitments", {}).get(field) == base64url(digest):
            self.openings += 1
        else:
            self.complain(place, "opening", f"{field} is not what was committed to")

    def count(self, kind: str, what: Dict[str, Any]) -> None:
        self.types[kind] += 1
        if kind == "lease.revoked":
            self.ends["effect_confirmed" if what["assurance"] == "effect-confirmed" else "authority_confirmed"] += 1
        elif kind in ("lease.issued", "lease.not_issued", "lease.expired"):
            self.ends[kind.split(".")[1]] += 1

    # The tree: RFC 9162, section 2.1.1.

    def push(self, leaves: int, subtree: bytes) -> None:
        self.size += leaves
        while self.peaks and self.peaks[-1][0] == leaves:
            _, left = self.peaks.pop()
            leaves, subtree = 2 * leaves, sha256(b"\1", left, subtree)
        self.peaks.append((leaves, subtree))

    def root(self) -> bytes:
        if not self.peaks:
            return sha256()
        *lefts, (_, root) = self.peaks
        for _, left in reversed(lefts):
            root = sha256(b"\1", left, root)
        return root

    # The end.

    def end(self) -> None:
        signed = self.checkpoint
        if not self.is_readable:
            return
        if signed and self.size != signed.size:
            self.complain(min(self.size, signed.size), "root", f"{self.size} entries, but {signed.size} were signed")
        elif signed and self.root() != signed.root:
            self.complain(None, "root", "the entries are not those that were signed")
        if self.fold is None:
            return
        if signed and self.parts is None and self.fold.origin != signed.origin:
            self.complain(None, "origin", f"the log says that it is {self.fold.origin}")
        try:
            (self.parts or self.fold).check_end()
        except Broken as broken:
            self.complain(None, broken.law, broken.meaning)
        if self.parts is None:
            self.complete = list(TYPES)
        elif self.selection is not None and not self.complaints:
            self.complete = list(COMPLETE_TYPES)

    def report(self) -> Dict[str, Any]:
        """The same fields as the report of `leasehold evidence verify --json`."""
        ends = ("issued", "effect_confirmed", "authority_confirmed", "expired", "not_issued")
        leases = {end: self.ends[end] for end in ends}
        leases["open"], leases["unproven"] = self.open_leases()
        return {
            "origin": self.checkpoint.origin if self.checkpoint else "",
            "size": self.size,
            "shown": self.shown,
            "whole": self.is_whole,
            "selection": self.selection,
            "complete": self.complete,
            "root": write_hash(self.root()),
            "witnesses": self.witnesses,
            "unknown_signatures": self.unknown,
            "types": dict(sorted(self.types.items())),
            "openings": self.openings,
            "leases": leases,
            "complaints": self.complaints,
        }

    def open_leases(self) -> Tuple[int, int]:
        """All of them, and those whose end is unproven; 0 where the laws were not judged to the end."""
        if self.fold is None or not self.is_readable:
            return 0, 0
        if self.parts is not None:
            return len(self.parts.issued), 0
        return len(self.fold.leases), sum(lease.stage == "unproven" for lease in self.fold.leases.values())


def is_line(value: Any) -> bool:
    return is_entry_line(value) or is_folded_line(value)


def read_line(line: bytes, form: Form, otherwise: str) -> Dict[str, Any]:
    if not line.endswith(b"\n") or len(line) > LINE_BYTES_MAX:
        raise Malformed("the line is not whole, or too long")
    value: Dict[str, Any] = parse(line[:-1])
    if not form(value):
        raise Malformed(otherwise)
    return value


def ascends(texts: List[str]) -> bool:
    return all(a < b for a, b in zip(texts, texts[1:]))


def write_hash(data: bytes) -> str:
    return base64url(data).translate(str.maketrans("-_", "+/")) + "="


def verify(bundle: BinaryIO, policy: Policy) -> Verifier:
    verifier = Verifier(policy)
    verifier.head(bundle.readline(LINE_BYTES_MAX))
    while verifier.is_readable:
        line = bundle.readline(LINE_BYTES_MAX)
        if not line:
            break
        verifier.line(line)
    verifier.end()
    return verifier


def print_for_people(report: Dict[str, Any]) -> None:
    leases = report["leases"]
    print(f"log {report['origin']}: {report['size']} entries, {report['openings']} disclosed openings match")
    print(f"witnessed by {', '.join(report['witnesses']) or 'nobody who is known'}")
    if not report["whole"]:
        print(f"{report['shown']} of them are shown, chosen for: {json.dumps(report['selection'])}")
        print(f"nothing is left out of this period: {', '.join(report['complete']) or '-'}")
    print(
        f"{leases['issued']} issued: {leases['effect_confirmed']} effect-confirmed, "
        f"{leases['authority_confirmed']} authority-confirmed, {leases['expired']} ended by rotation or expiry, "
        f"{leases['open']} open ({leases['unproven']} unproven); {leases['not_issued']} intents came to nothing"
    )
    for complaint in report["complaints"]:
        place = "the log" if complaint["index"] is None else f"entry {complaint['index']}"
        print(f"{place}: {complaint['law']}: {complaint['meaning']}")
    print("it does not hold" if report["complaints"] else "everything holds")


def main() -> int:
    arguments = argparse.ArgumentParser(description="Verify a bundle of a Leasehold log, offline.")
    arguments.add_argument("bundle", help="the bundle, as `leasehold evidence export` writes it")
    arguments.add_argument("--keys", required=True, help="a trust policy (C2SP tlog-policy), or the log's key alone")
    arguments.add_argument("--json", action="store_true", help="print the report as JSON")
    given = arguments.parse_args()
    try:
        with open(given.keys, "rb") as keys:
            policy = Policy.parse(keys.read())
        with open(given.bundle, "rb") as bundle:
            report = verify(bundle, policy).report()
    except (OSError, ValueError) as error:
        print(f"leasehold_verify: {error}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print_for_people(report)
    return 1 if report["complaints"] else 0


if __name__ == "__main__":
    sys.exit(main())
