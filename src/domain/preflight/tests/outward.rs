//! Witnesses and the public log: a good set-up has no trouble, each fault gives exactly its finding.

use super::*;

pub(super) fn good_witnesses() -> WitnessSurvey {
    let witnesses = vec![("w1".into(), Stance::Agrees), ("w2".into(), Stance::Agrees)];
    WitnessSurvey { policy_file: "log.policy".into(), policy: Ok(()), kept: Seen::Is(7), witnesses, enough: true }
}

fn with(stance: Stance) -> WitnessSurvey {
    let mut survey = good_witnesses();
    survey.witnesses[1].1 = stance;
    survey
}

fn faults(findings: Vec<Finding>) -> Vec<(String, Severity)> {
    let troubles = findings.into_iter().inspect(|it| {
        assert!(!it.sentence.is_empty() && it.mend.is_empty() == (it.severity == Severity::Ok), "{it:?}");
    });
    troubles.filter(|it| it.severity != Severity::Ok).map(|it| (it.check, it.severity)).collect()
}

#[test]
fn witnesses_that_know_this_log_have_no_trouble_nor_have_those_of_a_new_log() {
    let fresh = |stance: Stance| WitnessSurvey {
        kept: Seen::Absent,
        witnesses: vec![("w1".into(), stance.clone()), ("w2".into(), stance)],
        ..good_witnesses()
    };
    let unasked = WitnessSurvey { enough: false, ..fresh(Stance::NotYet) };
    for survey in [good_witnesses(), fresh(Stance::Saw(0)), unasked] {
        assert_eq!(faults(examine_witnesses(&survey)), [], "{survey:?}");
    }
}

#[test]
fn each_single_fault_of_the_witnesses_gives_exactly_its_finding() {
    let unread = WitnessSurvey { kept: Seen::Unread("log.db.cosigned is no checkpoint".into()), ..good_witnesses() };
    let unfit = WitnessSurvey { policy: Err("line 3: v is not defined above".into()), ..good_witnesses() };
    let rows = [
        ("policy", Severity::Fail, unfit),
        ("kept", Severity::Fail, unread),
        ("quorum", Severity::Fail, WitnessSurvey { enough: false, ..good_witnesses() }),
        ("w2.answers", Severity::Warn, with(Stance::Away("the witness w2 cannot be reached".into()))),
        ("w2.answers", Severity::Fail, with(Stance::Refuses("the witness w2 answered 404".into()))),
        ("w2.answers", Severity::Warn, with(Stance::Unasked("others can read the key".into()))),
        ("w2.history", Severity::Warn, with(Stance::Saw(3))),
        ("w2.history", Severity::Warn, with(Stance::Saw(9))),
        ("w2.history", Severity::Fail, with(Stance::Contradicts)),
    ];
    for (check, severity, survey) in rows {
        assert_eq!(faults(examine_witnesses(&survey)), [(format!("witness.{check}"), severity)], "{survey:?}");
    }
}

#[test]
fn the_address_of_the_public_log_is_free_or_serves_it() {
    let faults = |seen: PublicLogSeen| faults(examine_public_log("127.0.0.1:8480", &seen));
    for fine in [PublicLogSeen::Free, PublicLogSeen::Served] {
        assert_eq!(faults(fine), []);
    }
    for wrong in [PublicLogSeen::Taken, PublicLogSeen::Unusable("no such address".into())] {
        assert_eq!(faults(wrong), [("http.listen".to_owned(), Severity::Fail)]);
    }
}
