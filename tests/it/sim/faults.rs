//! What goes wrong at which call: told call by call, or drawn from a seed. The same plan meets the same
//! calls with the same faults, whatever else runs.

use super::seed::Chance;
use leasehold::domain::base::Span;
use std::collections::BTreeMap;
use std::fmt;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Twist {
    /// Failed before anything: nothing is done, and the caller knows it.
    Fail,
    /// Done, and the answer is lost.
    LoseAnswer,
    /// The line breaks at once, and the peer does it so much later.
    Late(Span),
    /// Begun and answered so much later.
    Slow(Span),
    /// Done at once, and the answer is so long on its way: longer than any work of the peer's.
    SlowAnswer(Span),
    /// Done twice; the second answer arrives.
    Twice,
    /// The line breaks, and the peer stops halfway: a mint leaves an account without a lease. Elsewhere
    /// there is no halfway, and it is done.
    Halfway,
    /// The broker dies there: before the call, or once it is carried out.
    Crash { done: bool },
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Plan {
    /// At the n-th pass of a room, counted from 1.
    Told(BTreeMap<(&'static str, u32), Twist>),
    /// At so many of a thousand calls, by chance. Nothing takes longer than the engine's longest request.
    Drawn { seed: u64, per_mille: u64, longest: Span, crashes: bool },
}

/// The plan on its way, and what it did.
#[derive(Debug)]
pub(crate) struct Faults {
    plan: Plan,
    passed: BTreeMap<&'static str, u32>,
    happened: Vec<Happened>,
}

/// A fault that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) room: &'static str,
    pub(crate) pass: u32,
    pub(crate) twist: Twist,
}

impl Default for Plan {
    fn default() -> Self {
        Self::Told(BTreeMap::new())
    }
}

impl Plan {
    pub(crate) fn told(faults: impl IntoIterator<Item = (&'static str, u32, Twist)>) -> Self {
        Self::Told(faults.into_iter().map(|(room, pass, twist)| ((room, pass), twist)).collect())
    }

    fn at(&self, room: &'static str, pass: u32) -> Option<Twist> {
        match self {
            Self::Told(faults) => faults.get(&(room, pass)).copied(),
            Self::Drawn { seed, per_mille, longest, crashes } => {
                let mut chance = Chance::of(*seed, room, pass);
                (chance.below(1_000) < *per_mille).then(|| drawn(room, &mut chance, *longest, *crashes))
            }
        }
    }
}

/// A mint that is done twice leaves an account that nobody looks for until its token ends: `sim::walk` has
/// a test of its own for that, and here it is not drawn.
fn drawn(room: &str, chance: &mut Chance, longest: Span, crashes: bool) -> Twist {
    let kind = chance.below(if crashes { 9 } else { 7 });
    let span = Span::from_micros(1 + chance.below(longest.micros().max(1)));
    match kind {
        0 => Twist::Fail,
        1 => Twist::LoseAnswer,
        2 => Twist::Late(span),
        3 => Twist::Slow(span),
        4 if room != "mint.account" => Twist::Twice,
        4 | 5 => Twist::Halfway,
        6 => Twist::SlowAnswer(Span::from_micros(ANSWER_FACTOR * span.micros())),
        done => Twist::Crash { done: done == 8 },
    }
}

/// Answers are on their way for so many times the peer's longest work, at the most.
const ANSWER_FACTOR: u64 = 10;

impl Faults {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, passed: BTreeMap::new(), happened: Vec::new() }
    }

    /// The room is passed once more.
    pub(crate) fn pass(&mut self, room: &'static str) -> Option<Twist> {
        let pass = self.passed.entry(room).or_default();
        *pass += 1;
        let twist = self.plan.at(room, *pass)?;
        self.happened.push(Happened { room, pass: *pass, twist });
        Some(twist)
    }

    /// Nothing goes wrong any more.
    pub(crate) fn end(&mut self) {
        self.plan = Plan::default();
    }

    pub(crate) fn happened(&self) -> &[Happened] {
        &self.happened
    }

    /// The rooms that were passed, and how often.
    pub(crate) fn passed(&self) -> &BTreeMap<&'static str, u32> {
        &self.passed
    }
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{} {:?}", self.room, self.pass, self.twist)
    }
}
