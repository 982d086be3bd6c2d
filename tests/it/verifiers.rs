//! Two verifiers, one judgement: ours (`src/audit`) and the one in Python (`clients/verify-py`), which was
//! written from the pages alone, make the same first complaint about every bundle, good or mutated.
//!
//! Python runs once for a whole set of cases (`verifiers/batch.py`). Where it cannot be had, that half prints
//! NOT RUN, and what our verifier must see is still tested.

mod bundles;
mod exhaustive;
mod forged;
mod mutations;
mod narrow;
mod page;
mod parts;
mod python;
mod random;
mod shapes;
mod walk;
mod witnesses;

use bundles::Base;
use mutations::Case;
use python::Python;

/// The first complaint: law and index. `None` if everything holds.
type Verdict = Option<(String, Option<u64>)>;

/// Judges all cases with both verifiers, and gives what our own said.
fn judged(python: &mut Option<Python>, base: &Base, cases: &[Case]) -> Vec<Verdict> {
    judged_by(|case| bundles::verdict(&base.with(case), &base.keys), python, base, cases)
}

fn judged_by(
    ours: impl Fn(&Case) -> Verdict,
    python: &mut Option<Python>,
    base: &Base,
    cases: &[Case],
) -> Vec<Verdict> {
    std::thread::scope(|scope| {
        let theirs = python.as_mut().map(|python| scope.spawn(|| python.verdicts(base, cases)));
        let ours = cases.iter().map(ours).collect::<Vec<_>>();
        if let Some(theirs) = theirs.map(|thread| thread.join().unwrap()) {
            assert_eq!(theirs.len(), cases.len());
            let apart = cases.iter().zip(ours.iter().zip(&theirs)).filter(|(_, (ours, theirs))| ours != theirs);
            let told: Vec<_> = apart.map(|(case, (a, b))| format!("{}: Rust {a:?}, Python {b:?}", case.what)).collect();
            assert!(told.is_empty(), "apart in {} cases:\n{}", told.len(), told[..told.len().min(40)].join("\n"));
        }
        ours
    })
}

/// As [`judged`], for changes that nobody may miss.
fn detected(python: &mut Option<Python>, base: &Base, cases: &[Case]) {
    none_holds(cases, &judged(python, base, cases));
}

fn none_holds(cases: &[Case], verdicts: &[Verdict]) {
    let missed = cases.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_none());
    let missed: Vec<_> = missed.map(|(case, _)| &case.what).collect();
    assert!(missed.is_empty(), "not seen: {missed:?}");
}
