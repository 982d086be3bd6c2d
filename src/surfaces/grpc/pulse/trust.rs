//! What a status says of the trust source: pure, from its standing, the own trust domain and the
//! time. Each sentence says what is wrong, what still holds, and the next step.

use domain::base::{Time, TrustDomain};
use domain::reason::Reason;
use ports::{TrustStanding, TrustTrouble, TrustTroubleKind};
use proto::v1::HealthState;

/// Ready, or degraded while what is held still holds, or unready; with a sentence unless ready.
pub(super) fn judge(standing: &TrustStanding, own: &TrustDomain, now: Time) -> (HealthState, String) {
    let (state, held) = match (standing.own_svid_ends, standing.bundle_ends) {
        (_, None) => (HealthState::Unready, format!("no bundle of {own} is held ({})", Reason::SvidUntrusted)),
        (None, _) => (HealthState::Unready, "the broker holds no SVID, so no new connection succeeds".to_owned()),
        (Some(ends), _) if ends <= now => {
            let held = format!("the broker's own SVID expired at {}, so no new connection succeeds", second(ends));
            (HealthState::Unready, held)
        }
        (Some(svid), Some(bundle)) => (HealthState::Degraded, goes_on(svid, bundle, own)),
    };
    match (state, &standing.trouble) {
        (HealthState::Degraded, None) => (HealthState::Ready, String::new()),
        (_, None) => (state, format!("{held}; look why the Workload API at {} gives none", standing.origin)),
        (_, Some(trouble)) => {
            (state, format!("{}; {held}; {}", fault(trouble, &standing.origin, now), next_step(trouble)))
        }
    }
}

fn goes_on(svid: Time, bundle: Time, own: &TrustDomain) -> String {
    let (svid, bundle) = (second(svid), second(bundle));
    format!("the broker goes on with its own SVID until {svid} and with the bundle of {own}, which ends at {bundle}")
}

fn fault(trouble: &TrustTrouble, origin: &str, now: Time) -> String {
    let (since, why) = (second(now.minus(trouble.age)), &trouble.why);
    match trouble.kind {
        TrustTroubleKind::Unreachable => format!("the Workload API at {origin} is unreachable since {since} ({why})"),
        TrustTroubleKind::Unusable => {
            format!("the Workload API at {origin} answers, but since {since} with nothing of use ({why})")
        }
        TrustTroubleKind::NoIdentity => {
            format!("the Workload API at {origin} answers, but since {since} with no identity for the broker ({why})")
        }
    }
}

fn next_step(trouble: &TrustTrouble) -> &'static str {
    match trouble.kind {
        TrustTroubleKind::Unreachable => "start its agent",
        TrustTroubleKind::Unusable => "look at the log of its agent",
        TrustTroubleKind::NoIdentity => "see that it has an entry for the broker; a new one takes some seconds",
    }
}

/// To the second, as people read it.
fn second(time: Time) -> String {
    Time::from_unix_seconds(time.unix_seconds()).to_string().replace(".000000", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::base::Span;

    const NOW: Time = Time::from_unix_seconds(1_795_255_200);

    fn standing(trouble: Option<TrustTroubleKind>) -> TrustStanding {
        let age = Span::from_seconds(90);
        TrustStanding {
            origin: "unix:///run/agent.sock".into(),
            trouble: trouble.map(|kind| TrustTrouble { kind, age, why: "the cause".into() }),
            own_svid_ends: Some(NOW.plus(Span::from_seconds(600))),
            bundle_ends: Some(NOW.plus(Span::from_seconds(7_200))),
        }
    }

    fn judged(standing: &TrustStanding) -> (HealthState, String) {
        judge(standing, &TrustDomain::parse("example.org").unwrap(), NOW)
    }

    #[test]
    fn a_source_without_trouble_is_ready_and_says_nothing() {
        assert_eq!(judged(&standing(None)), (HealthState::Ready, String::new()));
    }

    #[test]
    fn trouble_is_degraded_while_what_is_held_holds() {
        let held = "the broker goes on with its own SVID until 2026-11-21T10:10:00Z and with the bundle of example.org, \
                    which ends at 2026-11-21T12:00:00Z";
        let cases = [
            (TrustTroubleKind::Unreachable, "is unreachable since 2026-11-21T09:58:30Z (the cause)", "start its agent"),
            (
                TrustTroubleKind::Unusable,
                "answers, but since 2026-11-21T09:58:30Z with nothing of use (the cause)",
                "look at the log of its agent",
            ),
        ];
        for (kind, fault, step) in cases {
            let sentence = format!("the Workload API at unix:///run/agent.sock {fault}; {held}; {step}");
            assert_eq!(judged(&standing(Some(kind))), (HealthState::Degraded, sentence));
        }
    }

    #[test]
    fn an_own_svid_that_expired_is_unready_with_and_without_trouble() {
        let until = |ends: Time, trouble| TrustStanding { own_svid_ends: Some(ends), ..standing(trouble) };
        assert_eq!(judged(&until(NOW.plus(Span::from_millis(1)), None)).0, HealthState::Ready);
        let (state, sentence) = judged(&until(NOW, None));
        assert_eq!(state, HealthState::Unready);
        assert_eq!(
            sentence,
            "the broker's own SVID expired at 2026-11-21T10:00:00Z, so no new connection succeeds; look why the \
             Workload API at unix:///run/agent.sock gives none"
        );
        let (state, sentence) = judged(&until(NOW, Some(TrustTroubleKind::Unreachable)));
        assert_eq!(state, HealthState::Unready);
        assert!(sentence.contains("unreachable since") && sentence.contains("SVID expired at"), "{sentence}");
        assert!(sentence.ends_with("; start its agent"), "{sentence}");
    }

    #[test]
    fn a_denied_identity_is_no_outage_of_the_agent() {
        let denied =
            TrustStanding { own_svid_ends: None, bundle_ends: None, ..standing(Some(TrustTroubleKind::NoIdentity)) };
        let (state, sentence) = judged(&denied);
        assert_eq!(state, HealthState::Unready);
        assert_eq!(
            sentence,
            "the Workload API at unix:///run/agent.sock answers, but since 2026-11-21T09:58:30Z with no identity for \
             the broker (the cause); no bundle of example.org is held (SVID_UNTRUSTED); see that it has an entry for \
             the broker; a new one takes some seconds"
        );
    }

    #[test]
    fn a_source_that_holds_nothing_is_unready() {
        for nothing in [
            TrustStanding { own_svid_ends: None, ..standing(None) },
            TrustStanding { bundle_ends: None, ..standing(None) },
        ] {
            let (state, sentence) = judged(&nothing);
            assert_eq!(state, HealthState::Unready);
            assert!(sentence.contains("look why the Workload API at unix:///run/agent.sock"), "{sentence}");
        }
    }
}
