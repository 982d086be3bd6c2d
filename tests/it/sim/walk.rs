//! One walk of the real services under a seed: a task is requested and approved, gets its token, draws a
//! secret, holds it for a while, is completed, and everything is ended; meanwhile calls go wrong by chance,
//! and the broker dies and starts again. The callers know what they were told, and ask again. The laws are
//! looked at after each step and in each simulated half second of waiting.

mod held;

use super::broker::{Broker, ENGINE_REQUEST_SECONDS_MAX, Site};
use super::faults::{Happened, Plan, Twist};
use super::laws::Laws;
use super::seed::{BEGIN, Chance, SimClock};
use super::store;
use leasehold::domain::base::{Span, TaskId, Time};
use leasehold::domain::entry::Entry;
use leasehold::domain::reason::{Denial, Reason};
use leasehold::domain::state::task::Stage;
use leasehold::ports::LogStore as _;
use std::collections::BTreeMap;
use tokio::runtime::{Builder, Runtime};

/// A run that is over.
struct Story {
    /// Bytes of all entries.
    log: Vec<Vec<u8>>,
    faults: Vec<Happened>,
    /// Whether a secret was handed out.
    issued: bool,
    /// Brokers that there were.
    lives: u32,
}

/// Where the callers are.
#[derive(Debug, Clone, Copy)]
enum Step {
    Request,
    Approve(TaskId),
    /// And how often it is still tried.
    Issue(TaskId, u64),
    /// For so many moments.
    Hold(TaskId, u64),
    Complete(TaskId),
    Wait(TaskId, u64),
    /// Faults are over since then.
    End(TaskId, Time),
    Done,
}

struct Walk {
    step: Step,
    chance: Chance,
    laws: Laws,
    issued: bool,
}

/// Calls of a walk that go wrong, of a thousand.
const PER_MILLE: u64 = 150;
/// From the end of all faults until everything is proven: the bound that Leasehold promises.
const PROVEN_WITHIN: Span = Span::from_seconds(60 + ENGINE_REQUEST_SECONDS_MAX);
const MOMENT: Span = Span::from_millis(500);

/// A runtime whose clock stands still while anything can run. Its end is the end of all that runs in it.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn run(seed: u64) -> Result<Story, String> {
    let mut chance = Chance::of(seed, "the walk's", 0);
    let longest = Span::from_seconds(ENGINE_REQUEST_SECONDS_MAX);
    let plan = Plan::Drawn { seed, per_mille: PER_MILLE, longest, crashes: true };
    let default_ttl = if chance.below(2) == 0 { 120 } else { 300 };
    let site = runtime().block_on(async { Site::new(seed, plan, default_ttl) });
    let store = (0..40).map(|_| store_twist(&mut chance)).collect::<Vec<_>>();
    let mut time = runtime().block_on(async {
        site.start(BEGIN).await.unwrap().declare().await;
        site.outside.now()
    });
    site.disk.script(store);
    let mut walk = Walk { step: Step::Request, chance, laws: Laws::new(), issued: false };
    while !matches!(walk.step, Step::Done) {
        let lived = runtime().block_on(live(&site, &mut walk, time));
        let met = || site.outside.happened().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        time =
            lived.map_err(|broken| format!("{broken} (at {:?}, life {}, met: {})", walk.step, site.lives(), met()))?;
        // Nobody starts it again at once.
        time = time.plus(Span::from_millis(walk.chance.below(20_000)));
    }
    let entries = runtime().block_on(site.disk.open().entries(0, u32::MAX)).unwrap();
    let log = entries.into_iter().map(|stored| stored.bytes).collect();
    Ok(Story { log, faults: site.outside.happened(), issued: walk.issued, lives: site.lives() })
}

fn store_twist(chance: &mut Chance) -> store::Twist {
    match chance.below(1_000) {
        0..100 => store::Twist::FailForCertain,
        100..120 => store::Twist::LoseTheBatch,
        120..140 => store::Twist::LoseTheAnswer,
        _ => store::Twist::None,
    }
}

/// Until the broker dies or the walk is over. Gives the time of that.
async fn live(site: &Site, walk: &mut Walk, time: Time) -> Result<Time, String> {
    let Ok(broker) = site.start(time).await else { return Ok(site.outside.now()) };
    let walked = async {
        while !matches!(walk.step, Step::Done) {
            walk.go(&broker).await?;
            walk.moment(site).await?;
        }
        Ok::<(), String>(())
    };
    tokio::select! {
        biased;
        () = broker.dies() => {}
        walked = walked => walked?,
    }
    walk.laws.hold(&site.disk, &site.outside).await?;
    Ok(site.outside.now())
}

impl Walk {
    /// One step. What the broker's death cuts off is tried again in its next life.
    async fn go(&mut self, broker: &Broker<'_>) -> Result<(), String> {
        let stage = |task| broker.task(task).map(|task| task.stage);
        self.step = match self.step {
            Step::Request => match broker.request_task().await {
                Ok(task) => Step::Approve(task),
                Err(denial) => unavailable(&denial, self.step)?,
            },
            Step::Approve(task) if stage(task) != Some(Stage::Requested) => Step::Issue(task, 60),
            Step::Approve(task) => match broker.approve(task).await {
                Ok(_) => Step::Issue(task, 60),
                Err(denial) => unavailable(&denial, self.step)?,
            },
            Step::Issue(task, tries) => {
                if matches!(stage(task), Some(Stage::Active(_))) {
                    self.issued |= broker.issue(task).await.is_ok();
                }
                if self.issued || tries == 0 {
                    Step::Hold(task, self.chance.below(400))
                } else {
                    Step::Issue(task, tries - 1)
                }
            }
            Step::Hold(task, 0) => Step::Complete(task),
            Step::Hold(task, moments) => Step::Hold(task, moments - 1),
            Step::Complete(task) if matches!(stage(task), Some(Stage::Ending(..)) | None) => {
                Step::Wait(task, self.chance.below(60))
            }
            Step::Complete(task) => match broker.complete(task).await {
                Ok(_) => Step::Wait(task, self.chance.below(60)),
                Err(denial) => unavailable(&denial, self.step)?,
            },
            Step::Wait(task, 0) => Step::End(task, end_faults(broker.site)),
            Step::Wait(task, moments) => Step::Wait(task, moments - 1),
            Step::End(task, since) => self.settle(broker.site, task, since).await?,
            Step::Done => Step::Done,
        };
        Ok(())
    }

    async fn settle(&mut self, site: &Site, task: TaskId, since: Time) -> Result<Step, String> {
        if !self.laws.is_settled(task) {
            let late = site.outside.now().since(since) > PROVEN_WITHIN;
            return if late { Err("all is proven soon after the last fault: it is not".into()) } else { Ok(self.step) };
        }
        // What was under way when the task was settled has arrived by then, if ever.
        SimClock::pass(PROVEN_WITHIN).await;
        Ok(Step::Done)
    }

    async fn moment(&mut self, site: &Site) -> Result<(), String> {
        self.laws.hold(&site.disk, &site.outside).await?;
        SimClock::pass(MOMENT).await;
        self.laws.hold(&site.disk, &site.outside).await
    }
}

/// Nothing goes wrong any more.
fn end_faults(site: &Site) -> Time {
    site.outside.end_faults();
    site.disk.end_script();
    site.outside.now()
}

/// The caller may try again.
fn unavailable(denial: &Denial, step: Step) -> Result<Step, String> {
    let again = matches!(denial.reason, Reason::LogUnavailable | Reason::Stopping);
    if again { Ok(step) } else { Err(format!("no fault refuses an honest caller: {denial:?}")) }
}

/// The seeds of this run: those asked for, or a few.
fn seeds() -> std::ops::Range<u64> {
    let asked = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match asked("LEASEHOLD_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..asked("LEASEHOLD_SIM_SEEDS").unwrap_or(2_000),
    }
}

#[test]
fn a_walk_keeps_the_laws_whatever_goes_wrong() {
    let (mut histogram, mut issued, mut lives) = (BTreeMap::<(&str, &str), u32>::new(), 0, 0);
    let seeds = seeds();
    for seed in seeds.clone() {
        let story = run(seed).unwrap_or_else(|broken| {
            panic!("{broken}; again: LEASEHOLD_SIM_SEED={seed} cargo test --features failpoints --test it -- sim::walk")
        });
        issued += u64::from(story.issued);
        lives += u64::from(story.lives);
        for Happened { room, twist, .. } in story.faults {
            *histogram.entry((room, name(twist))).or_default() += 1;
        }
    }
    let count = seeds.end - seeds.start;
    println!("{count} seeds, {issued} with a secret, {lives} lives; faults: {histogram:?}");
    assert!(count < 100 || issued > count / 2, "only {issued} drew a secret");
    assert!(count < 100 || lives > count * 5 / 2, "two lives are every run's: {lives}");
}

const fn name(twist: Twist) -> &'static str {
    match twist {
        Twist::Fail => "fail",
        Twist::LoseAnswer => "lose answer",
        Twist::Late(_) => "late",
        Twist::Slow(_) => "slow",
        Twist::SlowAnswer(_) => "slow answer",
        Twist::Twice => "twice",
        Twist::Halfway => "halfway",
        Twist::Crash { done: false } => "crash before",
        Twist::Crash { done: true } => "crash after",
    }
}

/// One order is not the seed's yet: that in which tokio's `watch` wakes two closings that wait for the same walk
/// to be over. Seed 18 is the first that has two of them: from there on the entries are the same, not their order.
#[test]
fn the_same_seed_writes_the_same_log() {
    let kinds = |story: &Story| {
        let kind = |bytes: &Vec<u8>| Entry::read(bytes).unwrap().body.kind();
        let mut kinds: Vec<_> = story.log.iter().map(kind).collect();
        kinds.sort();
        kinds
    };
    for seed in 0..50 {
        let [first, second] = [(); 2].map(|()| run(seed).unwrap());
        assert!(first.faults == second.faults && kinds(&first) == kinds(&second), "seed {seed}");
        assert!(seed >= 18 || first.log == second.log, "seed {seed}");
    }
}
