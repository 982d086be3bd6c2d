"""Checks a bundle of a Leasehold log, with nothing but Python's standard library.

    python3 check.py log.bundle log.key

Written from docs/evidence-format.md alone: canonical bytes, leaf hashes, root hash, the checkpoint's
Ed25519 signature, and every opening that is in the bundle. It does not know the laws of the log;
`leasehold evidence verify` does.
"""

import base64
import hashlib
import json
import sys


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaves):
    """RFC 9162, section 2.1.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01", root(leaves[:half]), root(leaves[half:]))


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def commitment(entry_type, opening):
    salt = base64.b64decode(opening["salt"], validate=True)
    assert len(salt) == 32, "a salt is 32 bytes"
    texts = [text.encode("utf-8") for text in (entry_type, opening["field"], opening["value"])]
    digest = sha256(b"leasehold/v1/opening\0", texts[0], b"\0", texts[1], b"\0", salt, b"\0", texts[2])
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


# Ed25519, RFC 8032 section 5.1, for verifying only: slow, and nothing here is secret.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def x_of(y, odd):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - x2) % P == 0, "not a point of the curve"
    return P - x if x & 1 != odd else x


def point(data):
    number = int.from_bytes(data, "little")
    y = number & (2**255 - 1)
    return x_of(y, number >> 255), y


def add(a, b):
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, P - 2, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, P - 2, P)
    return x % P, y % P


def times(scalar, base):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, base)
        base, scalar = add(base, base), scalar >> 1
    return result


def signed(public, text, signature):
    base_y = 4 * pow(5, P - 2, P) % P
    s = int.from_bytes(signature[32:], "little")
    hashed = hashlib.sha512(signature[:32] + public + text).digest()
    k = int.from_bytes(hashed, "little") % ORDER
    right = add(point(signature[:32]), times(k, point(public)))
    return s < ORDER and times(s, (x_of(base_y, 0), base_y)) == right


def read_checkpoint(note, key):
    """C2SP signed-note and tlog-checkpoint: gives size and root."""
    name, key_id, typed = key.strip().split("+", 2)
    typed = base64.b64decode(typed, validate=True)
    assert typed[0] == 1 and len(typed) == 33, "the key is not Ed25519"
    assert sha256(name.encode(), b"\n", typed)[:4].hex() == key_id, "key and key id do not match"
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    mine = [line.split(" ")[2] for line in lines.splitlines() if line.startswith("\u2014 " + name + " ")]
    blobs = [base64.b64decode(blob, validate=True) for blob in mine]
    good = [blob for blob in blobs if blob[:4].hex() == key_id and signed(typed[1:], text.encode(), blob[4:])]
    assert good, "the checkpoint is not signed by this key"
    origin, size, root_text = text.splitlines()
    assert origin == name, "the checkpoint is of another log"
    return int(size), base64.b64decode(root_text, validate=True)


def main(bundle, key_file):
    with open(bundle, encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")
    with open(key_file, encoding="utf-8") as file:
        key = file.read()
    assert lines.pop() == "", "the last line is not whole"
    head = json.loads(lines[0])
    assert head["form"] == "leasehold-bundle/2", "another form of bundle"
    size, signed_root = read_checkpoint(head["checkpoint"], key)
    leaves, opened = [], 0
    for index, line in enumerate(lines[1:]):
        item = json.loads(line)
        assert "entry" in item, "a part of a log: entries are folded away, which this reader does not follow"
        entry = canonical(item["entry"])
        assert item["index"] == index, f"entry {index} is not in its place"
        assert line.encode("utf-8") == canonical(item), f"the line of entry {index} is not canonical"
        assert base64.b64decode(item["leaf"], validate=True) == sha256(b"\0", entry), f"entry {index} has another leaf hash"
        leaves.append(sha256(b"\0", entry))
        for opening in item.get("openings", []):
            committed = item["entry"]["commitments"][opening["field"]]
            assert commitment(item["entry"]["type"], opening) == committed, f"a wrong opening at entry {index}"
            opened += 1
    assert (len(leaves), root(leaves)) == (size, signed_root), "these are not the entries that were signed"
    print(f"{size} entries, {opened} openings, root {base64.b64encode(signed_root).decode()}: all of it is what was signed")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AssertionError as complaint:
        sys.exit(f"does not hold: {complaint}")
