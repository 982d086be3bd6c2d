//! The witnesses of `[witness]`: whether the policy can be followed, and what each of them says of this
//! log.
//!
//! Pure, as the rest: `app` reads the files and asks; a witness is shown nothing that it did not know.

use super::Seen;
use super::check::{Checks, Finding};

/// Facts of the witnesses.
#[derive(Debug, Clone, PartialEq)]
pub struct WitnessSurvey {
    /// The policy file, as the configuration names it.
    pub policy_file: String,
    /// Why the policy cannot be followed, if so; then nobody was asked.
    pub policy: Result<(), String>,
    /// Size of the newest checkpoint that a quorum cosigned, as it is kept beside the log.
    pub kept: Seen<u64>,
    /// Each witness that has a URL, by its name in the policy.
    pub witnesses: Vec<(String, Stance)>,
    /// Whether those that answered are enough for the quorum.
    pub enough: bool,
}

/// What a witness says of this log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stance {
    /// Nobody can ask it yet: the log has no key.
    NotYet,
    /// The log's key, without which nobody can ask, cannot be used from here.
    Unasked(String),
    /// It cannot be reached now.
    Away(String),
    /// It answers, and will not vouch for this log as things are.
    Refuses(String),
    /// It has seen so many entries of this log.
    Saw(u64),
    /// It has cosigned the very checkpoint that is kept here.
    Agrees,
    /// It has cosigned as many entries as are kept here, and others.
    Contradicts,
}

/// Every check of the witnesses with its outcome.
#[must_use]
pub fn examine_witnesses(survey: &WitnessSurvey) -> Vec<Finding> {
    let mut checks = Checks::of("witness");
    let file = &survey.policy_file;
    checks.fail_unless("policy", survey.policy.is_ok(), || {
        let why = survey.policy.as_ref().err().cloned().unwrap_or_default();
        (
            format!("{file} can be followed"),
            why,
            format!("correct {file} or witness.ca_file: the broker does not start"),
        )
    });
    if survey.policy.is_err() {
        return checks.done();
    }
    match &survey.kept {
        Seen::Absent => checks.good("kept", "no checkpoint of this log is cosigned yet".into()),
        Seen::Is(size) => checks.good("kept", format!("witnesses vouched for {size} entries of this log")),
        Seen::Unread(why) => checks.fail_unless("kept", false, || {
            let mend = "run doctor as the broker's user; if it says the same, restore that file from your backup";
            (String::new(), why.clone(), mend.into())
        }),
    }
    let kept = if let Seen::Is(size) = survey.kept { size } else { 0 };
    for (name, stance) in &survey.witnesses {
        examine_answer(file, name, stance, &mut checks);
        examine_history(name, kept, stance, &mut checks);
    }
    if !survey.witnesses.iter().any(|(_, stance)| matches!(stance, Stance::NotYet | Stance::Unasked(_))) {
        checks.fail_unless("quorum", survey.enough, || {
            (
                "enough witnesses answer for the quorum".into(),
                "too few witnesses answer for the quorum: entries stay unwitnessed".into(),
                "mend what the checks of the witnesses find".into(),
            )
        });
    }
    checks.done()
}

fn examine_answer(file: &str, name: &str, stance: &Stance, checks: &mut Checks) {
    let check = format!("{name}.answers");
    match stance {
        Stance::NotYet => {
            checks.good(&check, format!("{name} is asked once the log has a key: the first start makes it"));
        }
        Stance::Unasked(why) => checks.warn_unless(&check, false, || {
            let mend = "mend what broker.log-key finds, or run doctor as the broker's user".to_owned();
            (String::new(), format!("{name} was not asked: {why}"), mend)
        }),
        Stance::Away(why) => checks.warn_unless(&check, false, || {
            let mend = format!("start it or correct its URL in {file}; a broker that runs asks it again by itself");
            (String::new(), why.clone(), mend)
        }),
        Stance::Refuses(why) => checks.fail_unless(&check, false, || {
            let mend = format!("give it the line `log key` of leasehold status, or correct its line in {file}");
            (String::new(), why.clone(), mend)
        }),
        Stance::Saw(_) | Stance::Agrees | Stance::Contradicts => {
            checks.good(&check, format!("{name} answers, and knows this log and its key"));
        }
    }
}

fn examine_history(name: &str, kept: u64, stance: &Stance, checks: &mut Checks) {
    let check = format!("{name}.history");
    match stance {
        Stance::NotYet | Stance::Unasked(_) | Stance::Away(_) | Stance::Refuses(_) => {}
        Stance::Agrees => checks.good(&check, format!("{name} has cosigned these {kept} entries")),
        Stance::Contradicts => checks.fail_unless(&check, false, || {
            (
                String::new(),
                format!("{name} has cosigned {kept} entries of this log, and not these: it holds another history"),
                "keep the broker stopped; find out who restored, changed or copied the log; restore the newest copy"
                    .into(),
            )
        }),
        Stance::Saw(saw) if *saw > kept => checks.warn_unless(&check, false, || {
            (
                String::new(),
                format!("{name} has seen {saw} entries of this log, and a quorum vouched for {kept} here"),
                "if an older copy of the log was restored, restore the newest one before the broker starts; else see \
                 that enough witnesses answer"
                    .into(),
            )
        }),
        Stance::Saw(saw) => checks.warn_unless(&check, *saw == kept, || {
            (
                format!("{name} has seen nothing of this log yet"),
                format!("{name} has cosigned {saw} entries, and others {kept}"),
                "start the broker, which shows it the rest; if it runs, look in its log for this witness".into(),
            )
        }),
    }
}
