//! Mistakes and warnings, each beside a document without it.

use super::*;

fn mistakes(text: &str) -> Vec<String> {
    match Document::parse(text) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.told().iter().map(|mistake| mistake.sentence.clone()).collect(),
    }
}

/// The sample with one replacement, which must take place.
fn with(old: &str, new: &str) -> String {
    let text = sample().replacen(old, new, 1);
    assert_ne!(text, sample(), "{old:?} stands in the sample");
    text
}

#[test]
fn the_sample_has_neither_mistakes_nor_warnings() {
    assert_eq!(mistakes(&sample()), [""; 0]);
    assert_eq!(Document::parse(&sample()).unwrap().warnings(), [""; 0]);
}

/// Text of the sample, what stands there instead, and the only mistake that is told.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "sensitivity = \"high\"\nprobe",
        "sensitivty = \"high\"\nprobe",
        "unknown key \"sensitivty\" in credential.ledger-ro; did you mean \"sensitivity\"?",
    ),
    ("[team.payments]", "[taem.payments]", "unknown key \"taem\"; did you mean \"team\"?"),
    (
        "[role.auditor]",
        "[role.auditer]",
        "unknown role \"auditer\", expected one of auditor, operator, scorer; did you mean \"auditor\"?",
    ),
    (
        "\"medium\"",
        "\"medum\"",
        "credential.agent-cert.sensitivity: unknown sensitivity \"medum\", expected one of low, medium, high; did you mean \"medium\"?",
    ),
    (
        "\"ai-agent\"",
        "\"human\"",
        "agent.billing-bot.class: unknown class \"human\", expected one of ai-agent, service",
    ),
    ("class = \"ai-agent\"\n", "", "agent.billing-bot needs \"class\""),
    (
        "owner = \"payments\"\nclass",
        "owner = \"paymets\"\nclass",
        "agent.billing-bot is owned by team paymets, which is not declared; did you mean \"payments\"?",
    ),
    (
        "dsn_credential = \"ledger-probe\"",
        "dsn_credential = \"ledger-prob\"",
        "credential.ledger-ro.probe names credential ledger-prob, which is not declared; did you mean \"ledger-probe\"?",
    ),
    (
        "dsn_credential = \"ledger-probe\"",
        "dsn_credential = \"agent-cert\"",
        "credential.ledger-ro.probe names credential agent-cert of kind pki, but a connection string is of kind kv",
    ),
    (
        "dsn_credential = \"ledger-probe\"",
        "dsn_credential = \"prompt-key\"",
        "credential.prompt-key opens a probe's login and cannot be of low sensitivity: it would be given to any agent by rule",
    ),
    (
        "dsn_credential",
        "dsn",
        "unknown key \"dsn\" in credential.ledger-ro.probe.postgres; did you mean \"dsn_credential\"?",
    ),
    ("postgres", "postgre", "unknown key \"postgre\" in credential.ledger-ro.probe; did you mean \"postgres\"?"),
    ("{ postgres = { dsn_credential = \"ledger-probe\" } }", "{}", "credential.ledger-ro.probe needs \"postgres\""),
    (
        "probe = { postgres = { dsn_credential = \"ledger-probe\" } }\n",
        "",
        "credential.ledger-ro has no probe, so an orphaned account could not be found: declare a probe, or say orphans = \"expiry-bounded\"",
    ),
    (
        "kind = \"pki\"",
        "kind = \"pki\"\norphans = \"expiry-bounded\"",
        "credential.agent-cert is of kind pki: only a database has orphans",
    ),
    (
        "kind = \"pki\"",
        "kind = \"pki\"\nprobe = { postgres = { dsn_credential = \"ledger-probe\" } }",
        "credential.agent-cert is of kind pki: only a database can be probed",
    ),
    (
        "kind = \"kv\"",
        "kind = \"kv\"\nexclusive = true",
        "credential.ledger-probe is of kind kv, which has no leases to end",
    ),
    (
        "kind = \"kv\"",
        "kind = \"kv\"\nexclusive = \"yes\"",
        "credential.ledger-probe.exclusive must be true or false, not a text",
    ),
    (
        "pki/sign/agent",
        "pki/issue/agent",
        "credential.agent-cert.path: the path of a pki credential is <mount>/sign/<role>",
    ),
    (
        "pki/sign/agent",
        "pki/sign/*",
        "credential.agent-cert.path: a path segment holds only letters, digits, dot, dash and underscore, and not only dots",
    ),
    (
        "secret/data/app/prompt-key",
        "secret/data/ledger-probe",
        "credential.ledger-probe and credential.prompt-key share the path secret/data/ledger-probe",
    ),
    (
        "\"20m\"",
        "\"20 minutes\"",
        "credential.ledger-ro.max_ttl: a length of time is a whole number and s, m or h, such as 90s, 20m or 24h",
    ),
    ("\"20m\"", "\"9s\"", "credential.ledger-ro.max_ttl: a longest life is 10s to 24h"),
    ("\"20m\"", "\"86401s\"", "credential.ledger-ro.max_ttl: a longest life is 10s to 24h"),
    ("\"20m\"", "1200", "credential.ledger-ro.max_ttl must be a text in quotes, not a whole number"),
    ("[\"psql\"]", "\"psql\"", "agent.billing-bot.tools must be a list of texts, not a text"),
    ("[\"psql\"]", "[\"psql\", \"psql\"]", "\"psql\" stands twice in agent.billing-bot.tools"),
    ("[\"psql\"]", "[\"p sql\"]", "agent.billing-bot.tools[0]: 1 to 128 letters, digits and ._:/@- are expected"),
    (
        "reconcile invoices",
        "reconcile\\ninvoices",
        "agent.billing-bot.purpose: a purpose is 1 to 1000 bytes of plain text in one line",
    ),
    (
        "reconcile invoices",
        "reconcile \\u202E invoices",
        "agent.billing-bot.purpose: a purpose is 1 to 1000 bytes of plain text in one line",
    ),
    (
        "[agent.billing-bot]",
        "[agent.Billing_Bot]",
        "\"Billing_Bot\": a name is 1 to 63 characters of a-z, 0-9 and dash, and does not begin with a dash",
    ),
    (
        "spiffe://example.org/agent/billing-bot",
        "spiffe://example.org/*",
        "agent.billing-bot.spiffe_id: a pattern may hold * only as its last segment, after at least one fixed segment",
    ),
    (
        "spiffe://example.org/agent/billing-bot",
        "spiffe://example.org/fleet/build/bot",
        "agent.build-fleet and agent.billing-bot share identities: spiffe://example.org/fleet/build/bot",
    ),
    (
        "spiffe://example.org/agent/billing-bot",
        "spiffe://example.org/people/payments-lead",
        "spiffe://example.org/people/payments-lead is agent.billing-bot and a member of a team or role: nobody is both",
    ),
    (
        "spiffe://example.org/agent/billing-bot",
        "spiffe://example.org/people/*",
        "spiffe://example.org/people/auditor is agent.billing-bot and a member of a team or role: nobody is both",
    ),
    (
        "[team.payments]\nmembers",
        "[team.payments]\nmember",
        "unknown key \"member\" in team.payments; did you mean \"members\"?",
    ),
];

#[test]
fn each_mistake_has_its_own_sentence() {
    for (old, new, sentence) in MISTAKES {
        let told = mistakes(&with(old, new));
        assert_eq!(told, [*sentence], "{new:?}");
    }
}

#[test]
fn a_team_without_members_owns_nothing() {
    let text =
        with("[\"spiffe://example.org/people/platform-lead\", \"spiffe://example.org/people/platform-deputy\"]", "[]");
    let told = mistakes(&text);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.contains(&"agent.build-fleet is owned by team platform, which has no members".to_owned()));
}

#[test]
fn what_is_allowed_but_doubtful_is_a_warning() {
    let deputy = ", \"spiffe://example.org/people/payments-deputy\"";
    let operator = "members = [\"spiffe://example.org/people/operator\"]";
    let cases = [
        (with("owner = \"payments\"\nclass", "class"), "agent.billing-bot has no owner: it gets nothing"),
        (
            with("owner = \"payments\"\nsensitivity = \"high\"\nprobe", "sensitivity = \"high\"\nprobe"),
            "credential.ledger-ro has no owner: nobody can approve its use",
        ),
        (
            with("owner = \"platform\"\nsensitivity = \"low\"", "sensitivity = \"low\""),
            "credential.prompt-key has no owner: nobody answers for it",
        ),
        (
            with("probe = { postgres = { dsn_credential = \"ledger-probe\" } }", "orphans = \"expiry-bounded\""),
            "credential.ledger-ro has no probe: the end of an account is never seen at the backend",
        ),
        (with(deputy, ""), "team.payments has one member, whose own requests nobody can approve: add a deputy"),
        (with("[team.platform]", "[team.idle]\nmembers = []\n[team.platform]"), "team.idle owns nothing"),
        (
            with("[role.operator]", "[role.scorer]"),
            "no operator is named: those of [bootstrap] in leasehold.toml stay in force",
        ),
        (
            with(operator, "members = [\"spiffe://example.org/people/auditor\"]"),
            "spiffe://example.org/people/auditor is operator and auditor: their own acts would be theirs to audit",
        ),
    ];
    for (text, warning) in cases {
        assert_eq!(Document::parse(&text).unwrap().warnings(), [warning]);
    }
}

#[test]
fn an_item_is_bounded() {
    let members = |count: usize| {
        let ids: Vec<_> =
            (0..count).map(|n| format!("\"spiffe://example.org/crowd/{}{n:03}\"", "m".repeat(60))).collect();
        format!("[team.crowd]\nmembers = [{}]\n", ids.join(", "))
    };
    assert_eq!(mistakes(&(sample() + &members(100))), [""; 0]);
    assert_eq!(mistakes(&(sample() + &members(400))), ["team.crowd is too large: an item is at most 30000 bytes"]);
}

#[test]
fn a_document_is_bounded() {
    let teams = |count: usize| (0..count).map(|n| format!("[team.t{n}]\n")).collect::<String>();
    assert_eq!(mistakes(&teams(4_096)), [""; 0]);
    assert_eq!(mistakes(&teams(4_097)), ["an estate has at most 4096 items, this one has 4097"]);
}
