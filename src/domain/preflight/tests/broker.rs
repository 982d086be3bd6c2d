//! The broker's own side, the files, the engine's answer; and the list of all checks.

use super::*;
use crate::estate::Document;

const BROKER: &str = "spiffe://example.org/leasehold";

fn id(text: &str) -> SpiffeId {
    SpiffeId::parse(text).unwrap()
}

fn good_side() -> BrokerSurvey {
    BrokerSurvey {
        log_mode: Seen::Is(0o600),
        log_room: Seen::Is(true),
        key_mode: Seen::Is(0o400),
        identity: Seen::Is(id(BROKER)),
        login: Some(Ok(())),
    }
}

fn found(told: Option<&str>, survey: &BrokerSurvey) -> Vec<Finding> {
    let told = told.map(id);
    let expected = BrokerExpected { log_file: "log.db", key_file: "log.key", told_id: told.as_ref() };
    examine_broker(&expected, survey)
}

fn faults(told: Option<&str>, survey: &BrokerSurvey) -> Vec<(String, Severity)> {
    let found = found(told, survey).into_iter().filter(|it| it.severity != Severity::Ok);
    found
        .inspect(|it| assert!(!it.sentence.is_empty() && !it.mend.is_empty(), "{it:?}"))
        .map(|it| (it.check, it.severity))
        .collect()
}

#[test]
fn a_broker_that_is_about_to_start_for_the_first_time_has_no_trouble() {
    let fresh = BrokerSurvey { log_mode: Seen::Absent, log_room: Seen::Absent, key_mode: Seen::Absent, ..good_side() };
    for survey in [good_side(), fresh] {
        for told in [None, Some(BROKER)] {
            assert_eq!(faults(told, &survey), []);
            assert!(found(told, &survey).iter().all(|it| !it.sentence.is_empty() && it.mend.is_empty()));
        }
    }
}

#[test]
fn each_single_fault_of_the_brokers_side_gives_exactly_its_finding() {
    let denied = || Seen::Unread("permission denied".into());
    let silent = || Seen::Unread("no SVID".into());
    let rows: [(&str, Severity, Option<&str>, BrokerSurvey); 12] = [
        ("log-file", Severity::Fail, None, BrokerSurvey { log_mode: Seen::Is(0o640), ..good_side() }),
        ("log-file", Severity::Warn, None, BrokerSurvey { log_mode: denied(), ..good_side() }),
        ("log-room", Severity::Fail, None, BrokerSurvey { log_room: Seen::Is(false), ..good_side() }),
        ("log-room", Severity::Warn, None, BrokerSurvey { log_room: Seen::Unread("denied".into()), ..good_side() }),
        ("log-key", Severity::Fail, None, BrokerSurvey { key_mode: Seen::Is(0o604), ..good_side() }),
        ("log-key", Severity::Fail, None, BrokerSurvey { key_mode: Seen::Absent, ..good_side() }),
        ("log-key", Severity::Warn, None, BrokerSurvey { key_mode: denied(), ..good_side() }),
        ("identity", Severity::Fail, None, BrokerSurvey { identity: Seen::Absent, ..good_side() }),
        ("identity", Severity::Fail, None, BrokerSurvey { identity: silent(), ..good_side() }),
        ("identity", Severity::Warn, Some(BROKER), BrokerSurvey { identity: silent(), ..good_side() }),
        ("identity", Severity::Warn, Some("spiffe://example.org/other"), good_side()),
        ("login", Severity::Fail, None, BrokerSurvey { login: Some(Err("sealed".into())), ..good_side() }),
    ];
    for (check, severity, told, survey) in rows {
        assert_eq!(faults(told, &survey), [(format!("broker.{check}"), severity)], "{told:?} {survey:?}");
    }
}

#[test]
fn a_broker_that_nobody_names_is_told_and_the_rest_is_judged() {
    let estate = estate(&sample());
    let expected = Expected {
        estate: &estate,
        estate_file: "estate.toml",
        broker_id: None,
        audience: "vault",
        login_mount: "jwt",
        login_role: "leasehold",
        request_seconds_max: 90,
    };
    let findings = examine(&expected, &good(&estate));
    let troubles: Vec<_> =
        findings.iter().filter(|it| it.severity != Severity::Ok).map(|it| it.check.as_str()).collect();
    assert_eq!(troubles, ["login.subject"]);
}

#[test]
fn mistakes_in_a_file_and_an_engine_that_is_silent_are_findings() {
    let good = examine_text("estate", "estate.toml", &Document::parse(&sample()));
    assert_eq!(good.iter().map(|it| it.severity).collect::<Vec<_>>(), [Severity::Ok]);
    let bad = examine_text("estate", "estate.toml", &Document::parse("[team.x]\nmembrs = []\n[agnt.y]\n"));
    assert!(
        bad.len() >= 2 && bad.iter().all(|it| it.severity == Severity::Fail && it.sentence.contains("line ")),
        "{bad:?}"
    );
    assert_eq!(examine_reach("here", Ok(()))[0].severity, Severity::Ok);
    let silent = examine_reach("here", Err("the engine is sealed"));
    assert_eq!((silent[0].severity, silent[0].check.as_str()), (Severity::Fail, "server.reached"));
    assert!(silent[0].sentence.contains("sealed"));
}

#[test]
fn the_list_of_checks_is_whole_and_in_order() {
    let estate = estate(&sample());
    let mut names: BTreeSet<String> = BTreeSet::new();
    names.extend(examined(&estate, &good(&estate)).iter().map(|it| pattern(&it.check)));
    names.extend(examined(&estate, &unread_survey()).iter().map(|it| pattern(&it.check)));
    let mut no_connection = good(&estate);
    no_connection.databases.get_mut(&name("ledger-ro")).unwrap().connection = Seen::Absent;
    names.extend(examined(&estate, &no_connection).iter().map(|it| pattern(&it.check)));
    names.extend(found(None, &good_side()).iter().map(|it| it.check.clone()));
    names.extend(examine_witnesses(&super::outward::good_witnesses()).iter().map(|it| pattern(&it.check)));
    names.extend(examine_public_log("here", &PublicLogSeen::Free).iter().map(|it| it.check.clone()));
    names.extend(["config.text", "estate.text", "server.reached"].map(str::to_owned));
    assert_eq!(names, CHECKS.iter().map(|it| (*it).to_owned()).collect());
    let place = |it: &Finding| CHECKS.iter().position(|check| *check == pattern(&it.check)).unwrap();
    for survey in [good(&estate), unread_survey()] {
        let findings = examined(&estate, &survey);
        for pair in findings.windows(2) {
            let subject = |it: &Finding| it.check.rsplit_once('.').map(|(subject, _)| subject.to_owned());
            let in_order = place(&pair[0]) < place(&pair[1]);
            assert!(
                in_order || subject(&pair[0]) != subject(&pair[1]) || pair[0].check.starts_with("policy."),
                "{pair:?}"
            );
        }
    }
}

fn unread_survey() -> Survey {
    fn no<T>() -> Seen<T> {
        Seen::Unread("403".into())
    }
    Survey {
        server: no(),
        audit_devices: no(),
        entry_header_hashed: no(),
        login_config: no(),
        login_role: no(),
        token_role: no(),
        policy_names: no(),
        databases: BTreeMap::new(),
        authorities: BTreeMap::new(),
        stores: BTreeMap::new(),
        policies: BTreeMap::new(),
    }
}

/// `database.ledger-ro.pool` to `database.<name>.pool`.
fn pattern(check: &str) -> String {
    match check.split('.').collect::<Vec<_>>()[..] {
        ["policy", "names" | "stale"] => check.to_owned(),
        ["policy", _] => "policy.<policy>".to_owned(),
        ["witness", _, last] => format!("witness.<witness>.{last}"),
        [kind, _, last] => format!("{kind}.<name>.{last}"),
        _ => check.to_owned(),
    }
}
