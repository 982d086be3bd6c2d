"""Who vouches for a checkpoint: keys, policies, signed notes, cosignatures.

C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-policy; docs/evidence-laws.md, "Keys and checkpoint".
"""

import re
from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from forms import Malformed, hash_text, sha256, unbase64

LOG_KEY, WITNESS_KEY = 0x01, 0x04
SIGNATURES_MAX = 100
POLICY_BYTES_MAX, POLICY_ITEMS_MAX = 256 << 10, 256
TIME_MAX = 2**63 - 1


class WrongWitness(ValueError):
    """A known witness's line does not hold."""


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


class Key(NamedTuple):
    name: str
    id: bytes
    public: bytes

    @staticmethod
    def parse(text: str, wanted_type: int) -> "Key":
        """`name+hex8+base64(type ‖ public key)`."""
        parts = text.split("+", 2)
        if len(parts) != 3 or not re.fullmatch("[0-9a-f]{8}", parts[1]):
            raise Malformed("expected a key, name+id+base64")
        name, key_id, typed = parts[0], bytes.fromhex(parts[1]), unbase64(parts[2])
        if len(typed) != 33 or typed[0] != wanted_type:
            raise Malformed(f"the key of {name} is not of type {wanted_type}")
        if not is_key_name(name) or sha256(name.encode(), b"\n", typed)[:4] != key_id:
            raise Malformed(f"the key of {name} and its id do not belong together")
        return Key(name, key_id, typed[1:])

    def verifies(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def is_key_name(name: str) -> bool:
    has_control = any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in name)
    return name != "" and "+" not in name and not has_control and not any(c.isspace() for c in name)


# Policies.


@dataclass
class Policy:
    logs: List[Key] = field(default_factory=list)
    witnesses: Dict[bytes, Key] = field(default_factory=dict)
    groups: Dict[bytes, Tuple[int, List[bytes]]] = field(default_factory=dict)
    quorum: Optional[bytes] = None
    placed: Set[bytes] = field(default_factory=set)

    @staticmethod
    def parse(data: bytes) -> "Policy":
        """A policy file, or one bare log key."""
        if len(data) > POLICY_BYTES_MAX:
            raise Malformed("the policy is too long")
        if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data):
            raise Malformed("a policy has no control characters but tab and line feed")
        lines = [re.split(rb"[ \t]+", line.strip(b" \t")) for line in data.split(b"\n")]
        lines = [words for words in lines if words[0] and not words[0].startswith(b"#")]
        policy = Policy()
        if len(lines) == 1 and len(lines[0]) == 1:
            policy.logs.append(Key.parse(lines[0][0].decode(), LOG_KEY))
            return policy
        for words in lines:
            policy.take(words)
        if sum(words[0] == b"quorum" for words in lines) != 1:
            raise Malformed("a policy needs one quorum line")
        return policy

    def take(self, words: List[bytes]) -> None:
        kind, count = words[0], len(words)
        if kind == b"log" and count in (2, 3):
            self.logs.append(Key.parse(words[1].decode(), LOG_KEY))
            once([key.public for key in self.logs])
        elif kind == b"witness" and count in (3, 4):
            self.define(words[1])
            self.witnesses[words[1]] = Key.parse(words[2].decode(), WITNESS_KEY)
            once([key.public for key in self.witnesses.values()])
        elif kind == b"group" and count >= 4:
            members = words[3:]
            for member in members:
                self.find(member)
                if member in self.placed:
                    raise Malformed(f"{member!r} is a member twice")
                self.placed.add(member)
            self.define(words[1])
            self.groups[words[1]] = (needed(words[2], len(members)), members)
        elif kind == b"quorum" and count == 2:
            self.quorum = None if words[1] == b"none" else self.find(words[1])
        else:
            raise Malformed(f"cannot read the policy's line {b' '.join(words)!r}")
        if max(len(self.logs), len(self.witnesses), len(self.groups)) > POLICY_ITEMS_MAX:
            raise Malformed(f"more than {POLICY_ITEMS_MAX} of one kind")

    def define(self, name: bytes) -> None:
        if name == b"none" or name in self.witnesses or name in self.groups:
            raise Malformed(f"the name {name!r} is taken")

    def find(self, name: bytes) -> bytes:
        if name not in self.witnesses and name not in self.groups:
            raise Malformed(f"{name!r} is not defined above")
        return name

    def is_met(self, cosigned: Set[bytes]) -> bool:
        # A group names earlier ones only, so its members are decided before it.
        decided = set(cosigned)
        for name, (wanted, members) in self.groups.items():
            if sum(member in decided for member in members) >= wanted:
                decided.add(name)
        return self.quorum is None or self.quorum in decided


def once(keys: List[bytes]) -> None:
    if len(set(keys)) != len(keys):
        raise Malformed("the same key stands twice")


def needed(word: bytes, count: int) -> int:
    if word in (b"all", b"any"):
        return count if word == b"all" else 1
    if not re.fullmatch(rb"[1-9][0-9]*", word) or int(word) > count:
        raise Malformed(f"expected all, any or a number from 1 to {count}")
    return int(word)


# Signed notes.


class Signature(NamedTuple):
    name: str
    id: bytes
    data: bytes

    def is_of(self, key: Key) -> bool:
        return (self.name, self.id) == (key.name, key.id)


def open_checkpoint(note: str, policy: Policy) -> Checkpoint:
    """Law `signature`."""
    body, signatures = split_note(note)
    signed_by: List[Key] = []
    for signature in signatures:
        key = next((key for key in policy.logs if signature.is_of(key)), None)
        if key is None or key in signed_by:
            continue
        if not key.verifies(body.encode(), signature.data):
            raise Malformed(f"the signature by {key.name} is wrong")
        signed_by.append(key)
    if not signed_by:
        raise Malformed("the checkpoint is not signed by a known log")
    checkpoint = read_checkpoint(body)
    if checkpoint.origin not in [key.name for key in signed_by]:
        raise Malformed(f"the checkpoint is of the log {checkpoint.origin}, the key is of another")
    return checkpoint


def judge_witnesses(note: str, policy: Policy) -> Tuple[List[str], List[str], bool]:
    """Law `witness`, on a note that was opened: the names of who cosigned, of whoever nobody knows, and the quorum."""
    body, signatures = split_note(note)
    cosigned: Set[bytes] = set()
    unknown: List[str] = []
    for signature in signatures:
        name = next((name for name, key in policy.witnesses.items() if signature.is_of(key)), None)
        if name is None:
            if not any(signature.is_of(key) for key in policy.logs):
                unknown.append(signature.name)
            continue
        time = int.from_bytes(signature.data[:8], "big")
        message = f"cosignature/v1\ntime {time}\n{body}".encode()
        if time > TIME_MAX or not policy.witnesses[name].verifies(message, signature.data[8:]):
            raise WrongWitness(f"the cosignature by {signature.name} is wrong")
        cosigned.add(name)
    names = [name.decode(errors="replace") for name in policy.witnesses if name in cosigned]
    return names, unknown, policy.is_met(cosigned)


def split_note(note: str) -> Tuple[str, List[Signature]]:
    if any(c < " " and c != "\n" for c in note):
        raise Malformed("the note has control characters")
    blank = note.rfind("\n\n")
    if not note.endswith("\n") or blank < 0:
        raise Malformed("the note is not text, empty line, signature lines")
    lines = note[blank + 2 :].split("\n")[:-1]
    if len(lines) > SIGNATURES_MAX:
        raise Malformed(f"the note has more than {SIGNATURES_MAX} signatures")
    return note[: blank + 1], [read_signature(line) for line in lines]


def read_signature(line: str) -> Signature:
    words = line.split(" ", 2)
    if len(words) != 3 or words[0] != "\u2014" or not is_key_name(words[1]):
        raise Malformed("a signature line cannot be read")
    data = unbase64(words[2])
    if len(data) < 5:
        raise Malformed("a signature line is too short")
    return Signature(words[1], data[:4], data[4:])


def read_checkpoint(body: str) -> Checkpoint:
    lines = body.split("\n")
    if len(lines) != 4 or not lines[0] or not re.fullmatch("0|[1-9][0-9]{0,19}", lines[1]) or not hash_text(lines[2]):
        raise Malformed("the checkpoint is not origin, size and root, one line each")
    if int(lines[1]) >= 2**64:
        raise Malformed("the checkpoint's size is out of bounds")
    return Checkpoint(lines[0], int(lines[1]), unbase64(lines[2]))
