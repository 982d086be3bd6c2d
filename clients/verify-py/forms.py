"""Forms: canonical JSON, and what each field of an entry may hold.

docs/evidence-format.md, "Canonical bytes" and "Text forms"; docs/evidence-laws.md, "Forms of the fields".
"""

import base64
import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import Any, Callable, Dict

Form = Callable[[Any], bool]
Fields = Dict[str, Form]

ENTRY_BYTES_MAX = 65_535
LEVEL_MAX = 9
NUMBER_MAX = 2**53 - 1
EPOCH = datetime(1970, 1, 1)


class Malformed(ValueError):
    """Bytes that are not what they should be."""


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# Canonical JSON: it is read, looked at, and must be written again as it was.


def parse(line: bytes) -> Any:
    """One canonical JSON object of a bundle's line."""
    try:
        text = line.decode("utf-8")
        value = json.loads(text, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON as it stands in a log: {error}") from None
    if type(value) is not dict:
        raise Malformed("not an object")
    check_plain(value, 0)
    if write(value) != text:
        raise Malformed("not in canonical form")
    return value


def write(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def refuse(text: str) -> None:
    raise Malformed(f"{text} is not a whole number")


def check_plain(value: Any, level: int) -> None:
    if level > LEVEL_MAX:
        raise Malformed("nested too deep")
    kind = type(value)
    if kind is dict:
        for key, inner in value.items():
            if not KEY.fullmatch(key):
                raise Malformed(f"key {key!r} is not plain")
            check_plain(inner, level + 1)
    elif kind is list:
        for inner in value:
            check_plain(inner, level + 1)
    elif kind is int:
        if not 0 <= value <= NUMBER_MAX:
            raise Malformed(f"number {value} is out of bounds")
    elif value is None:
        raise Malformed("null: a field without a value is left out")


KEY = re.compile(r"[!#-\[\]-~]*")


# Base64, in its one strict spelling.


def unbase64(text: str) -> bytes:
    """Standard base64 with padding, unused bits zero."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Malformed("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Malformed("base64 with bits that are not used")
    return data


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# Forms of single values. Each says whether the value has it.


def text(value: Any) -> bool:
    return type(value) is str


def number(value: Any) -> bool:
    return type(value) is int


def flag(value: Any) -> bool:
    return type(value) is bool


def anything(value: Any) -> bool:
    return True


def mapping(value: Any) -> bool:
    return type(value) is dict


def matching(pattern: str) -> Form:
    compiled = re.compile(pattern)
    return lambda value: type(value) is str and compiled.fullmatch(value) is not None


def word(*words: str) -> Form:
    return lambda value: type(value) is str and value in words


def list_of(form: Form) -> Form:
    return lambda value: type(value) is list and all(map(form, value))


def set_of(form: Form) -> Form:
    """A list that ascends strictly. Texts compare by code point, which is the order of their UTF-8 bytes."""
    is_list = list_of(form)
    return lambda value: is_list(value) and all(a < b for a, b in zip(value, value[1:]))


def some(form: Form) -> Form:
    return lambda value: form(value) and len(value) > 0


def map_of(form: Form) -> Form:
    return lambda value: type(value) is dict and all(map(form, value.values()))


def record(fields: Fields) -> Form:
    """An object with exactly these fields. A name that ends in `?` is of a field that may be left out."""
    forms = {name.rstrip("?"): form for name, form in fields.items()}
    needed = [name for name in fields if not name.endswith("?")]

    def has(value: Any) -> bool:
        if type(value) is not dict or not all(name in value for name in needed):
            return False
        return all(key in forms and forms[key](inner) for key, inner in value.items())

    return has


hash_text = matching(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
digest = matching(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
name = matching(r"[a-z0-9][a-z0-9-]{0,62}")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
task_id = matching("task-" + UUID)
lease_id = matching("lease-" + UUID)
like_spiffe_id = matching(r"spiffe://[a-z0-9._-]{1,255}(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._-]+)+")
like_time = matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


def spiffe_id(value: Any) -> bool:
    return like_spiffe_id(value) and len(value) <= 2_048


def id_pattern(value: Any) -> bool:
    """One SPIFFE ID, or all below one."""
    return text(value) and spiffe_id(value[:-2] if value.endswith("/*") else value)


def time(value: Any) -> bool:
    if not like_time(value) or not "1970" <= value < "9999":
        return False
    try:
        datetime.fromisoformat(value[:-1])
    except ValueError:
        return False
    return True


def micros(value: str) -> int:
    """Microseconds since 1970 of a text that has the form of a time."""
    return (datetime.fromisoformat(value[:-1]) - EPOCH) // timedelta(microseconds=1)


def engine_path(value: Any) -> bool:
    if not text(value) or len(value) > 512 or not 2 <= value.count("/") + 1 <= 16:
        return False
    segments = value.split("/")
    plain = all(re.fullmatch(r"[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*", segment) for segment in segments)
    return plain and segments[0] not in ("auth", "cubbyhole", "identity", "sys")


# Entries.

ACTOR: Fields = {"connection?": text, "id": text, "issuer_key?": digest, "key_id?": text, "serial?": text}
ENVELOPE: Fields = {
    "actor": record(ACTOR),
    "cause?": number,
    "commitments?": some(map_of(digest)),
    "request?": record({"content": digest, "id": digest}),
    "time": time,
    "type": text,
    "v": lambda value: number(value) and value == 1,
    "what": mapping,
}
COUNTS: Fields = {"agents": number, "credentials": number, "roles": number, "teams": number}
CRL: Fields = {"digest": digest, "number": number, "number_before": number}
TASK: Fields = {"task": task_id}
LEASE: Fields = {"lease": lease_id}
ASSURANCES = ("requested", "accepted", "authority-confirmed", "effect-confirmed")
revocability = word("revocable", "expiry-bounded", "rotate-only")
reason = word(*"""
    SVID_MISSING SVID_MALFORMED SVID_ID_INVALID SVID_NOT_A_LEAF SVID_KEY_USAGE SVID_EXPIRED SVID_NOT_YET_VALID
    SVID_UNTRUSTED TRUST_DOMAIN_UNKNOWN JWT_ALGORITHM JWT_HEADER JWT_AUDIENCE JWT_CLAIMS JWT_SIGNATURE
    IDENTITY_MISMATCH HANDSHAKE_FAILED FIELD_INVALID REQUEST_ID_INVALID ESTATE_INVALID MESSAGE_TOO_LARGE NOT_FOUND
    ROLE_MISSING AGENT_UNKNOWN AGENT_WITHOUT_OWNER CREDENTIAL_WITHOUT_OWNER CREDENTIAL_NOT_ALLOWED SELF_APPROVAL
    NOT_AN_APPROVER JWT_NOT_ENOUGH TTL_TOO_SHORT CLOCK_UNCERTAIN TASK_NOT_APPROVED TASK_NOT_ACTIVE TASK_DECIDED
    TASK_WINDOW_OVER TASK_SPENT LEASE_ENDED LEASE_NOT_RENEWABLE CREDENTIAL_UNKNOWN DIGEST_MISMATCH CREDENTIAL_CHANGED
    OPENING_IN_USE ESTATE_MOVED ALREADY_ISSUED REQUEST_ID_REUSED ENDED_MEANWHILE TOO_MANY_TASKS TASKS_TOO_FAST
    TOO_MANY_LEASES OVERLOADED READER_TOO_SLOW STILL_INTENDED ENGINE_UNAVAILABLE ENGINE_REFUSED LOG_UNAVAILABLE
    INDEX_BEHIND STOPPING
    INTERNAL""".split())

TYPES: Dict[str, Fields] = {
    "log.started": {"mode": text, "origin": text},
    "log.counted": {"counts": map_of(number)},
    "broker.activated": {"engine_request_seconds_max": number, "epoch": number, "version": text},
    "broker.stopped": {"epoch": number},
    "estate.item_set": {"item": anything, "kind": text, "name": text},
    "estate.item_removed": {"kind": text, "name": text},
    "estate.applied": {"counts": record(COUNTS), "digest": digest, "version": number},
    "task.requested": {
        "agent": name, "credentials": list_of(name), "estate_version": number, "needs": list_of(name),
        "purpose_code": text, "subject": spiffe_id, "task": task_id, "window_seconds": number,
    },
    "task.approved": {"digest": digest, "rule?": text, "task": task_id, "teams": list_of(name), "until": time},
    "task.denied": TASK,
    "task.activated": {"ends": time, "task": task_id},
    "task.completed": TASK,
    "task.cancelled": TASK,
    "task.expired": TASK,
    "token.made": {"engine_request": text, "expires": time, "policies": list_of(text), "task": task_id},
    "token.revoked": {"task": task_id, "token": number},
    "lease.intended": {
        "credential": name, "estate_version": number, "expires": time, "lease": lease_id,
        "revocability": revocability, "supersedes?": lease_id, "task": task_id,
    },
    "lease.issued": {
        "engine_expires?": time, "engine_request": text, "expires": time, "lease": lease_id, "renewable": flag,
        "revocability": revocability, "serial?": text, "value_version?": number,
    },
    "lease.not_issued": {"lease": lease_id, "why": word("refused", "nothing-found", "found-and-ended")},
    "lease.renewed": {"engine_expires": time, "expires": time, "lease": lease_id},
    "lease.revocation_requested": {
        "lease": lease_id, "why": word("asked", "expired", "superseded", "undelivered"),
    },
    "lease.revocation_accepted": LEASE,
    "lease.revoked": {
        "assurance": word(*ASSURANCES), "crl?": record(CRL), "engine_request?": text, "known_before": flag,
        "lease": lease_id,
    },
    "lease.unproven": {"lease": lease_id, "missing": text},
    "lease.expired": {"lease": lease_id, "revocability": revocability},
    "access.denied": {"call": text, "reason": reason, "target?": text},
    "access.refused": {"counts": map_of(number), "since": time},
    "orphan.found": {"credential": name, "kind": text, "lease": lease_id},
    "evidence.read": {"call": text, "from": number, "limit": number, "target?": text},
    "evidence.erasure_requested": {"fields": list_of(text), "index": number, "lease?": lease_id, "task?": task_id},
    "evidence.erased": {"fields": list_of(text), "index": number, "requested": number},
}
WHATS: Dict[str, Form] = {kind: record(fields) for kind, fields in TYPES.items()}
is_envelope = record(ENVELOPE)


def check_entry(entry: Any, size: int) -> None:
    """Law `entry`."""
    if size > ENTRY_BYTES_MAX:
        raise Malformed(f"an entry is at most {ENTRY_BYTES_MAX} bytes")
    if not is_envelope(entry):
        raise Malformed("a field of the envelope is missing, unknown or of another form")
    if entry["type"] not in WHATS:
        raise Malformed(f"type {entry['type']} is not known")
    if not WHATS[entry["type"]](entry["what"]):
        raise Malformed(f"a field of {entry['type']} is missing, unknown or of another form")


# Items of the estate.

PROBE: Fields = {"postgres": record({"dsn_credential": name})}
MEMBERS: Fields = {"members": set_of(spiffe_id)}
MARKERS = {"database": "creds", "kv": "data", "pki": "sign"}
ITEMS: Dict[str, Form] = {
    "agent": record({
        "class": word("ai-agent", "service"), "data_sets?": some(set_of(text)), "environment": name, "owner?": name,
        "purpose": text, "spiffe_id": id_pattern, "tools?": some(set_of(text)),
    }),
    "credential": record({
        "exclusive": flag, "kind": word(*MARKERS), "max_ttl_seconds": number, "orphans?": word("expiry-bounded"),
        "owner?": name, "path": engine_path, "probe?": record(PROBE), "sensitivity": word("low", "medium", "high"),
    }),
    "role": record(MEMBERS),
    "team": record(MEMBERS),
}


def is_item(kind: str, item_name: str, item: Any) -> bool:
    if kind not in ITEMS or not ITEMS[kind](item):
        return False
    if kind == "role":
        return item_name in ("auditor", "operator", "scorer")
    return name(item_name) and (kind != "credential" or path_is_of_kind(item["path"], item["kind"]))


def path_is_of_kind(path: str, kind: str) -> bool:
    """`<mount>/creds/<role>`, `<mount>/data/<path>`, `<mount>/sign/<role>`; the first segment is the mount's."""
    segments = path.split("/")
    at = next((at for at, segment in enumerate(segments) if at > 0 and segment in MARKERS.values()), None)
    if at is None or segments[at] != MARKERS[kind]:
        return False
    behind = len(segments) - at - 1
    return behind >= 1 if kind == "kv" else behind == 1
