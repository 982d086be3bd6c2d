"""Feeds many bundles to the verifier in Python: a line of JSON for each in, a line of JSON with its first complaint out.

A bundle is told as a change of a base, so that what stands before the change is folded once:
    {"base": [LINE…], "keys": TEXT}                                   all in base64 from here on
    {"keep": N, "middle": BYTES, "resume": M, "head": BYTES?}          lines 0..N, then BYTES, then lines M.. of the base
    {"report": {…as above…}}                                           answers with the whole report
    {"flush": true}                                                    all answers so far are sent
With `head`, the first line is that one instead. An answer is `null` if all holds, else `[law, index]`.
"""

import json
import pickle
import sys
from base64 import b64decode
from itertools import chain

sys.path.insert(0, sys.argv[1])

from leasehold_verify import Verifier  # noqa: E402
from notes import Policy  # noqa: E402

STRIDE = 16


class Base:
    """The verifier as it is after each line of a good bundle, or after every few of a long one."""

    def __init__(self, lines, keys):
        self.lines, self.policy = lines, Policy.parse(keys)
        self.stride = 1 if len(lines) < 200 else STRIDE
        self.kept = []
        verifier = Verifier(self.policy)
        for place, line in enumerate(lines):
            if place > 0 and (place - 1) % self.stride == 0:
                self.kept.append(pickle.dumps(verifier, pickle.HIGHEST_PROTOCOL))
            take(verifier, place, line)

    def judge(self, case, whole=False):
        keep, head = case["keep"], b64decode(case.get("head", ""))
        middle = b64decode(case["middle"])
        rest = rejoined(middle, self.lines[case["resume"] :])
        if keep == 0:
            verifier, place, lines = Verifier(self.policy), 0, rest or [b""]
        else:
            nearest = min((keep - 1) // self.stride, len(self.kept) - 1)
            verifier, place = pickle.loads(self.kept[nearest]), 1 + nearest * self.stride
            lines = chain(self.lines[place:keep], rest)
            if head:
                fresh = Verifier(self.policy)
                fresh.head(head)
                if fresh.complaints and not whole:
                    return verdict(fresh)
                verifier.checkpoint, verifier.selection = fresh.checkpoint, fresh.selection
                verifier.complaints = fresh.complaints
        for place, line in enumerate(lines, place):
            if verifier.complaints and not whole or not verifier.is_readable:
                break
            take(verifier, place, line)
        if whole or not verifier.complaints:
            verifier.end()
        return verifier.report() if whole else verdict(verifier)


def take(verifier, place, line):
    if place == 0:
        verifier.head(line)
    else:
        verifier.line(line)


def rejoined(middle, rest):
    """Lines of middle and rest as one file: without its line feed the last of the middle swallows the next."""
    lines = split(middle)
    if lines and not lines[-1].endswith(b"\n") and rest:
        return lines[:-1] + [lines[-1] + rest[0]] + rest[1:]
    return lines + rest


def split(data):
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def verdict(verifier):
    first = verifier.complaints[0] if verifier.complaints else None
    return first and [first["law"], first["index"]]


def main():
    base = None
    for text in sys.stdin.buffer:
        case = json.loads(text)
        if "base" in case:
            base = Base([b64decode(line) for line in case["base"]], b64decode(case["keys"]))
            continue
        if "flush" in case:
            sys.stdout.flush()
            continue
        answer = base.judge(case["report"], whole=True) if "report" in case else base.judge(case)
        print(json.dumps(answer))


main()
