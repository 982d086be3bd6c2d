"""The laws: what may follow in a log on what stands before it.

docs/evidence-laws.md, "The fold, entry by entry" and "Partial bundles". Times are microseconds since 1970.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from forms import ASSURANCES, TYPES, base64url, is_item, micros, sha256, spiffe_id, time as is_time, write

SECOND = 1_000_000
DAY = 86_400 * SECOND
SEND_MAX = 10 * SECOND
ESTATE_TYPES = ("estate.item_set", "estate.item_removed", "estate.applied")
BOTH_WRITE = ("lease.renewed", "lease.revocation_requested")
CALLERS_WRITE = (
    *ESTATE_TYPES,
    "task.requested",
    "task.denied",
    "task.completed",
    "task.cancelled",
    "lease.intended",
    "access.denied",
    "evidence.read",
    "evidence.erasure_requested",
    "evidence.erased",
)
COMPLETE_TYPES = ("task.requested", "lease.intended", "lease.issued")

Item = Dict[str, Any]
Items = Dict[Tuple[str, str], Item]


class Broken(Exception):
    """A law does not hold."""

    def __init__(self, law: str, meaning: str) -> None:
        super().__init__(f"{law}: {meaning}")
        self.law, self.meaning = law, meaning


def must(law: str, holds: bool, meaning: str) -> None:
    if not holds:
        raise Broken(law, meaning)


def check_actor(kind: str, actor: Dict[str, str], what: Any) -> None:
    """Whether the broker wrote it, which is `leasehold` and nothing else, or a caller."""
    by_broker = actor["id"] == "leasehold"
    must("actor", not by_broker or len(actor) == 1, "the broker is named with what proves a caller")
    if kind in BOTH_WRITE:
        return
    callers = kind in CALLERS_WRITE or (kind == "task.approved" and "rule" not in what)
    must("actor", by_broker != callers, "written by the wrong hand: the broker's or a caller's")


class About(NamedTuple):
    """An entry with its place in the log."""

    place: int
    leaf: str
    time: int
    actor: Dict[str, str]


@dataclass
class Task:
    subject: str
    connection: Optional[str]
    digest: str
    window: int
    needs: List[str]
    scope: Dict[str, Item]
    stage: str = "requested"
    ends: int = 0
    said_yes: Set[str] = field(default_factory=set)
    holding: Optional[int] = None
    tokens: Dict[int, bool] = field(default_factory=dict)  # index -> still there
    leases: Set[str] = field(default_factory=set)


@dataclass
class Lease:
    task: str
    credential: str
    revocability: str
    expires: int
    closable: int
    stage: str = "intended"
    is_issued: bool = False
    is_renewable: bool = False
    has_serial: bool = False
    engine_expires: Optional[int] = None


@dataclass
class Erasure:
    actor: Dict[str, str]
    since: int
    requested: int
    fields: List[str]
    task: Optional[str]
    lease: Optional[str]


class Fold:
    """What is open after the entries so far."""

    def __init__(self) -> None:
        self.size, self.time, self.epoch, self.engine_max = 0, 0, 0, 0
        self.origin: Optional[str] = None
        self.counts: Counter[str] = Counter()
        self.version = 0
        self.items: Items = {}
        self.group: Optional[Items] = None
        self.tasks: Dict[str, Task] = {}
        self.leases: Dict[str, Lease] = {}
        self.erasures: Dict[int, Erasure] = {}

    def apply(self, entry: Any, leaf: bytes) -> None:
        """Folds an entry that has its form. After `Broken` the fold is of no use any more."""
        kind, what = entry["type"], entry["what"]
        it = About(self.size, base64url(leaf), micros(entry["time"]), entry["actor"])
        must("time", it.time >= self.time, "an entry is older than the one before it")
        in_place = self.group is None or kind in ESTATE_TYPES
        must("estate-group", in_place, "an estate group is not closed")
        must("log", self.size > 0 or kind == "log.started", "a log begins with its start")
        check_actor(kind, it.actor, what)
        self.time = it.time
        if kind in LAWS:
            LAWS[kind](self, it, what)
        self.counts[kind] += 1
        self.size += 1

    def check_end(self) -> None:
        must("estate-group", self.group is None, "the log ends inside an estate group")

    # The log and its brokers.

    def log_started(self, it: About, what: Item) -> None:
        must("log", it.place == 0, "a log starts once, at index 0")
        self.origin = what["origin"]

    def log_counted(self, it: About, what: Item) -> None:
        must("counts", what["counts"] == dict(self.counts), "the log holds other numbers than are written here")

    def broker_activated(self, it: About, what: Item) -> None:
        must("epoch", what["epoch"] == self.epoch + 1, "activations count from 1 without gaps")
        self.epoch, self.engine_max = what["epoch"], what["engine_request_seconds_max"] * SECOND
        for lease in self.leases.values():
            if lease.stage == "intended":
                lease.closable = it.time + self.engine_max

    # The estate.

    def estate_item_set(self, it: About, what: Item) -> None:
        kind, name, item = what["kind"], what["name"], what["item"]
        must("estate-group", is_item(kind, name, item), f"{kind} {name} is no item of an estate")
        self.open_group()[kind, name] = item

    def estate_item_removed(self, it: About, what: Item) -> None:
        removed = self.open_group().pop((what["kind"], what["name"]), None)
        must("estate-group", removed is not None, f"there is no {what['kind']} {what['name']} to remove")

    def open_group(self) -> Items:
        if self.group is None:
            self.group = dict(self.items)
        return self.group

    def estate_applied(self, it: About, what: Item) -> None:
        if self.group is None:
            raise Broken("estate-group", "closed without an item")
        must("estate-group", what["version"] == self.version + 1, "versions count from 1 without gaps")
        kinds = Counter(kind + "s" for kind, _ in self.group)
        counts = {kind: kinds[kind] for kind in ("agents", "credentials", "roles", "teams")}
        must("estate-group", what["counts"] == counts, "the estate holds other numbers of items")
        rows = [f"{kind}\0{name}\0{write(item)}\n" for (kind, name), item in sorted(self.group.items(), key=by_key)]
        digest = base64url(sha256("".join(rows).encode()))
        must("estate-group", what["digest"] == digest, "the estate holds other items")
        self.version, self.items, self.group = what["version"], self.group, None

    def members(self, team: Optional[str]) -> List[str]:
        item = self.items.get(("team", team or ""))
        return item["members"] if item else []

    # Erasures.

    def is_open(self, task: Optional[str], lease: Optional[str]) -> bool:
        return task in self.tasks or lease in self.leases

    def evidence_erasure_requested(self, it: About, what: Item) -> None:
        task, lease = what.get("task"), what.get("lease")
        must("erasure", what["index"] < it.place, "asked for what does not stand in the log")
        must("erasure", not self.is_open(task, lease), "asked for what is not settled")
        self.erasures = {index: asked for index, asked in self.erasures.items() if it.time - asked.since < DAY}
        self.erasures[what["index"]] = Erasure(it.actor, it.time, it.place, what["fields"], task, lease)

    def evidence_erased(self, it: About, what: Item) -> None:
        asked = self.erasures.pop(what["index"], None)
        if asked is None or it.time - asked.since >= DAY:
            raise Broken("erasure", "openings were erased that nobody asked for")
        same = (what["requested"], what["fields"]) == (asked.requested, asked.fields)
        must("erasure", same, "other openings were erased than were asked for")
        alone = any(asked.actor.get(key) == it.actor.get(key) for key in ("id", "connection"))
        must("erasure", not alone, "openings were erased by one person alone")
        must("erasure", not self.is_open(asked.task, asked.lease), "openings of what is open were erased")

    # Tasks.

    def task(self, task_id: str) -> Task:
        must("task", task_id in self.tasks, f"{task_id} is not open")
        return self.tasks[task_id]

    def task_requested(self, it: About, what: Item) -> None:
        scope = {}
        for name in what["credentials"]:
            must("scope", ("credential", name) in self.items, f"credential {name} is not in the estate")
            scope[name] = self.items["credential", name]
        for name, item in scope.items():
            asked = item["sensitivity"] == "low" or item.get("owner") in what["needs"]
            must("approval", asked, f"credential {name} does not need its owner's yes")
        must("subject", it.actor["id"] == what["subject"], "a task was requested in another's name")
        agent = self.items.get(("agent", what["agent"]))
        declared = agent is not None and matches(agent["spiffe_id"], what["subject"])
        must("scope", declared, "the estate declares no such agent with this SPIFFE ID")
        must("scope", bool(agent and self.members(agent.get("owner"))), "the agent has no owner")
        must("window", what["window_seconds"] * SECOND <= DAY, "a task asks for more than the longest window")
        must("scope", what["estate_version"] == self.version, "judged on an estate that is not in force")
        must("task", what["task"] not in self.tasks, "requested twice")
        self.tasks[what["task"]] = Task(
            subject=what["subject"],
            connection=it.actor.get("connection"),
            digest=it.leaf,
            window=what["window_seconds"] * SECOND,
            needs=what["needs"],
            scope=scope,
        )

    def task_approved(self, it: About, what: Item) -> None:
        task = self.task(what["task"])
        must("approval", what["digest"] == task.digest, "an approval names another request")
        must("approval", task.stage == "requested", "an approval of a task that was decided")
        must("approval", micros(what["until"]) <= it.time + DAY, "an approval holds for longer than a day")
        if "rule" in what:
            must("approval", not task.needs, "a rule approved what people must approve")
        else:
            self.check_approver(it, task, what["teams"])
        until = micros(what["until"])
        task.holding = until if task.holding is None else min(until, task.holding)
        task.said_yes.update(what["teams"])
        if task.said_yes.issuperset(task.needs):
            task.stage = "approved"

    def check_approver(self, it: About, task: Task, teams: List[str]) -> None:
        who = it.actor["id"]
        must("approval", who != task.subject, "a requester approved the own request")
        must("approval", "serial" in it.actor, "approved without an X.509-SVID")
        same = task.connection is not None and task.connection == it.actor.get("connection")
        must("approval", not same, "approved on the requester's own connection")
        must("approval", spiffe_id(who), "approved by nobody in particular")
        speaks = bool(teams) and all(team in task.needs and who in self.members(team) for team in teams)
        must("approval", speaks, "approved for a team that the approver does not belong to")

    def task_activated(self, it: About, what: Item) -> None:
        task = self.task(what["task"])
        must("approval", task.stage == "approved", "a task became active without approval")
        must("approval", task.holding is None or task.holding > it.time, "a task became active on a lapsed approval")
        must("approval", bool(task.tokens), "a task became active without a token")
        must("window", micros(what["ends"]) <= it.time + task.window, "a task is active for longer than its window")
        task.stage, task.ends = "active", micros(what["ends"])

    def task_ended(self, it: About, what: Item) -> None:
        task = self.task(what["task"])
        must("task", task.stage != "ending", "ended twice")
        task.stage = "ending"
        for lease_id in task.leases:
            if self.leases[lease_id].stage == "issued":
                self.leases[lease_id].stage = "ending"
        self.drop_if_settled(what["task"])

    def task_denied(self, it: About, what: Item) -> None:
        must("task", self.task(what["task"]).stage == "requested", "denied after it was decided")
        self.task_ended(it, what)

    def drop_if_settled(self, task_id: str) -> None:
        task = self.tasks[task_id]
        if task.stage == "ending" and not task.leases and not any(task.tokens.values()):
            del self.tasks[task_id]

    def token_made(self, it: About, what: Item) -> None:
        task = self.task(what["task"])
        must("approval", task.stage != "requested", "a token was made for a task without approval")
        task.tokens[it.place] = True

    def token_revoked(self, it: About, what: Item) -> None:
        task = self.task(what["task"])
        is_there = task.tokens.get(what["token"], False)
        must("token", is_there, "a token was revoked that was never made, or is gone already")
        task.tokens[what["token"]] = False
        self.drop_if_settled(what["task"])

    # Leases.

    def lease(self, lease_id: str) -> Lease:
        must("lease", lease_id in self.leases, f"{lease_id} is not open")
        return self.leases[lease_id]

    def lease_intended(self, it: About, what: Item) -> None:
        task, expires = self.task(what["task"]), micros(what["expires"])
        must("subject", it.actor["id"] == task.subject, "a secret for another than the task's subject")
        must("approval", task.stage == "active", "a secret was intended outside an active task")
        must("window", it.time < task.ends and expires <= task.ends, "a secret was to live beyond its task")
        must("approval", task.holding is None or expires <= task.holding, "a secret beyond its approval")
        must("scope", what["credential"] in task.scope, "a secret outside the task's scope was intended")
        approved = task.scope[what["credential"]]
        in_force = self.items.get(("credential", what["credential"])) == approved
        same = in_force and what["estate_version"] == self.version
        must("scope", same, "a secret was intended on an estate that is not in force")
        longest = it.time + approved["max_ttl_seconds"] * SECOND
        must("window", expires <= longest, "a secret was to live longer than its credential allows")
        ends_by = "rotate-only" if approved["kind"] == "kv" else "revocable"
        must("proof", what["revocability"] == ends_by, "a secret of this kind ends in another way")
        must("lease", what["lease"] not in self.leases, "intended twice")
        task.leases.add(what["lease"])
        self.leases[what["lease"]] = Lease(
            task=what["task"],
            credential=what["credential"],
            revocability=what["revocability"],
            expires=expires,
            closable=it.time + SEND_MAX + self.engine_max,
        )

    def lease_issued(self, it: About, what: Item) -> None:
        lease, expires = self.lease(what["lease"]), micros(what["expires"])
        allowed = lease.stage == "intended" and expires <= lease.expires
        must("intent", allowed, "a lease was issued without an intent that allows it")
        as_sure = what["revocability"] in (lease.revocability, "expiry-bounded")
        must("proof", as_sure, "a lease can be ended less surely than was intended")
        task = self.tasks[lease.task]
        must("token", any(task.tokens.values()), "a lease was issued without a recorded token of its task")
        lease.stage = "ending" if task.stage == "ending" else "issued"
        lease.is_issued, lease.is_renewable, lease.has_serial = True, what["renewable"], "serial" in what
        lease.revocability, lease.expires = what["revocability"], expires
        lease.engine_expires = micros(what["engine_expires"]) if "engine_expires" in what else None

    def lease_not_issued(self, it: About, what: Item) -> None:
        lease = self.lease(what["lease"])
        must("lease", not lease.is_issued, "an issued lease cannot become not issued")
        early = lease.stage == "intended" and it.time < lease.closable
        must("intent", not early or what["why"] == "refused", "closed while the engine may still be at work")
        self.settle(what["lease"])

    def lease_renewed(self, it: About, what: Item) -> None:
        lease, expires = self.lease(what["lease"]), micros(what["expires"])
        must("renewal", lease.stage == "issued", "a lease was prolonged that is not issued")
        must("renewal", lease.is_renewable, "a lease was prolonged that is not renewable")
        task = self.tasks[lease.task]
        bounded = expires <= task.ends and (task.holding is None or expires <= task.holding)
        must("renewal", bounded, "a lease was prolonged beyond its task or its approval")
        longest = it.time + task.scope[lease.credential]["max_ttl_seconds"] * SECOND
        must("renewal", expires <= longest, "a lease was prolonged for longer than its credential allows")
        lease.expires, lease.engine_expires = expires, micros(what["engine_expires"])

    def lease_revocation_requested(self, it: About, what: Item) -> None:
        lease = self.lease(what["lease"])
        must("revocation", lease.stage == "issued", "asked for a lease that is not issued")
        lease.stage = "ending"

    def lease_revocation_accepted(self, it: About, what: Item) -> None:
        must("revocation", self.lease(what["lease"]).stage == "ending", "accepted without being asked for")

    def lease_unproven(self, it: About, what: Item) -> None:
        lease = self.lease(what["lease"])
        must("revocation", lease.stage in ("ending", "intended"), "unproven without being asked for")
        lease.stage = "unproven"

    def lease_revoked(self, it: About, what: Item) -> None:
        lease = self.lease(what["lease"])
        must("revocation", lease.stage in ("ending", "unproven"), "revoked without being asked for")
        must("revocation", lease.is_issued, "revoked although no secret is known of")
        sure = ASSURANCES.index(what["assurance"]) >= ASSURANCES.index("authority-confirmed")
        must("proof", sure, "called revoked below authority-confirmed")
        must("proof", lease.revocability == "revocable", "called revoked although it ends by rotation or expiry")
        crl = what.get("crl")
        listed = crl is not None and crl["number"] >= crl["number_before"]
        must("proof", listed or not lease.has_serial, "a certificate was called revoked without a revocation list")
        probed = "probe" in self.tasks[lease.task].scope[lease.credential]
        seen = what["assurance"] == "effect-confirmed"
        must("proof", probed or not seen, "seen gone at a backend that nobody looks at")
        self.settle(what["lease"])

    def lease_expired(self, it: About, what: Item) -> None:
        lease = self.lease(what["lease"])
        must("proof", lease.revocability != "revocable", "a revocable lease was let expire without proof")
        over = lease.is_issued and lease.stage in ("ending", "unproven")
        engine_end = lease.expires if lease.engine_expires is None else lease.engine_expires
        over = over and (lease.revocability == "rotate-only" or engine_end <= it.time)
        must("proof", over, "a lease was called over while its secret was alive")
        must("proof", what["revocability"] == lease.revocability, "it ends in another way")
        self.settle(what["lease"])

    def settle(self, lease_id: str) -> None:
        lease = self.leases.pop(lease_id)
        self.tasks[lease.task].leases.discard(lease_id)
        self.drop_if_settled(lease.task)


def by_key(row: Tuple[Tuple[str, str], Item]) -> Tuple[str, str]:
    return row[0]


def matches(pattern: str, spiffe: str) -> bool:
    """An agent's pattern: one SPIFFE ID, or all below one."""
    return spiffe.startswith(pattern[:-1]) if pattern.endswith("/*") else spiffe == pattern


ENDS = ("task.completed", "task.cancelled", "task.expired")
LAWS: Dict[str, Callable[[Fold, About, Item], None]] = {kind: Fold.task_ended for kind in ENDS}
for kind_of_entry in TYPES:
    if hasattr(Fold, kind_of_entry.replace(".", "_")):
        LAWS[kind_of_entry] = getattr(Fold, kind_of_entry.replace(".", "_"))


class Parts:
    """What can be said of a log of which only parts are shown. Takes over from the fold of what stands before."""

    def __init__(self, before: Fold, selection: Optional[Dict[str, str]]) -> None:
        self.time = before.time
        self.issued = {lease_id: lease.is_issued for lease_id, lease in before.leases.items()}  # of what is open
        self.base: Optional[Counter[str]] = before.counts if before.size > 0 else None
        self.shown: Counter[str] = Counter()  # since the base
        self.selection = selection
        self.exact_at: Optional[int] = before.time if before.size > 0 else None  # the last time of a base
        self.is_exact = False  # whether nothing was folded away since
        self.begins_late = before.size == 0  # what a lease began with may have been folded away

    def apply(self, index: int, entry: Any) -> None:
        kind, what, time = entry["type"], entry["what"], micros(entry["time"])
        must("time", time >= self.time, "an entry is older than the one shown before it")
        self.time = time
        check_actor(kind, entry["actor"], what)
        if kind.startswith("lease."):
            self.live(kind, what["lease"])
        if kind == "log.counted":
            self.count(index, what["counts"])
        else:
            self.shown[kind] += 1

    def live(self, kind: str, lease_id: str) -> None:
        is_open, is_issued = lease_id in self.issued, self.issued.get(lease_id, False)
        is_from_before = self.begins_late and not is_open
        if kind == "lease.intended":
            must("lease", not is_open, "intended twice")
            self.issued[lease_id] = False
            return
        must("lease", is_open or is_from_before, "its intent is not shown, or it is settled")
        if kind in ("lease.issued", "lease.not_issued"):
            must("lease", not is_issued, "issued already")
            self.issued[lease_id] = True
        elif kind != "lease.unproven":
            must("lease", is_issued or is_from_before, "it is not shown that it was issued")
            self.issued[lease_id] = True
        if kind in ("lease.not_issued", "lease.revoked", "lease.expired"):
            del self.issued[lease_id]

    def count(self, index: int, counts: Dict[str, int]) -> None:
        must("counts", counts.keys() <= TYPES.keys(), "a type is counted that does not exist")
        must("counts", sum(counts.values()) == index, "the numbers are not those of the entries before")
        if self.base is not None:
            for kind in TYPES:
                least = self.base[kind] + self.shown[kind]
                must("counts", counts.get(kind, 0) >= least, f"more of {kind} is shown than was counted")
            for kind in COMPLETE_TYPES if self.selection is not None else ():
                exactly = self.base[kind] + self.shown[kind]
                must("complete", counts.get(kind, 0) == exactly, f"not every {kind} is shown")
        elif self.selection is not None:
            begins = self.selection.get("from", "")
            reaches = is_time(begins) and self.time < micros(begins)
            must("complete", reaches, "what stands before the first log.counted may not all be shown")
        self.base, self.shown = Counter(counts), Counter()
        self.base["log.counted"] += 1
        self.exact_at, self.is_exact = self.time, True

    def folded(self) -> None:
        self.is_exact = False

    def check_end(self) -> None:
        if self.selection is None or self.is_exact:
            return
        ends = self.selection.get("to", "")
        reaches = is_time(ends) and self.exact_at is not None and self.exact_at >= micros(ends)
        must("complete", reaches, "what stands behind the last log.counted may not all be shown")
