//! One walk of the real services under a seed: a task is requested and approved, gets its token, draws a
//! secret, holds it for a while, is completed, and everything is ended; meanwhile calls go wrong by chance.
//! The laws are looked at after each step and in each simulated half second of waiting.

use super::broker::{Broker, ENGINE_REQUEST_SECONDS_MAX, Setting};
use super::faults::{Happened, Plan, Twist};
use super::laws::Laws;
use super::peers::{Peers, Standing};
use super::postgres::Trouble;
use super::seed::{Chance, SimClock};
use super::store;
use leasehold::domain::base::{Span, TaskId};
use leasehold::domain::reason::Denial;
use leasehold::domain::state::task::Stage;
use leasehold::ports::LogStore as _;
use std::collections::BTreeMap;

/// A run that is over.
struct Story {
    /// Bytes of all entries.
    log: Vec<Vec<u8>>,
    faults: Vec<Happened>,
    /// Whether a secret was handed out.
    issued: bool,
}

/// Calls of a walk that go wrong, of a thousand.
const PER_MILLE: u64 = 150;
/// From the end of all faults until everything is proven: the bound that Leasehold promises.
const PROVEN_WITHIN: Span = Span::from_seconds(60 + ENGINE_REQUEST_SECONDS_MAX);
const MOMENT: Span = Span::from_millis(500);

fn drawn(seed: u64) -> Setting {
    let mut chance = Chance::of(seed, "the setting's", 0);
    let longest = Span::from_seconds(ENGINE_REQUEST_SECONDS_MAX);
    let fail = |chance: &mut Chance| match chance.below(1_000) < PER_MILLE {
        true => store::Twist::FailForCertain,
        false => store::Twist::None,
    };
    let default_ttl = if chance.below(2) == 0 { 120 } else { 300 };
    let store = (0..40).map(|_| fail(&mut chance)).collect();
    Setting { seed, plan: Plan::Drawn { seed, per_mille: PER_MILLE, longest }, default_ttl, store }
}

/// In a runtime of its own, whose clock stands still while anything can run.
fn run(setting: Setting) -> Result<Story, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(walk(setting))
}

async fn walk(setting: Setting) -> Result<Story, String> {
    let seed = setting.seed;
    let broker = Broker::start(setting).await;
    let walked = steps(&broker, Chance::of(seed, "the walk's", 0)).await;
    let faults = broker.outside.happened();
    let met = || faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let issued = walked.map_err(|broken| format!("{broken} (met: {})", met()))?;
    let entries = broker.disk.open().entries(0, u32::MAX).await.unwrap();
    let log = entries.into_iter().map(|stored| stored.bytes).collect();
    Ok(Story { log, faults, issued })
}

/// Whether a secret was handed out.
async fn steps(broker: &Broker, mut chance: Chance) -> Result<bool, String> {
    let mut laws = Laws::new();
    let task = loop {
        match broker.request_task().await {
            Ok(task) => break task,
            Err(denial) => unavailable(&denial)?,
        }
        moment(broker, &mut laws).await?;
    };
    while let Err(denial) = broker.approve(task).await {
        unavailable(&denial)?;
        moment(broker, &mut laws).await?;
    }
    let mut issued = false;
    for _ in 0..40 {
        moment(broker, &mut laws).await?;
        if broker.task(task).is_some_and(|task| matches!(task.stage, Stage::Active(_))) {
            issued = broker.issue(task).await.is_ok();
            if issued {
                break;
            }
        }
    }
    let held = chance.below(400);
    wait(broker, &mut laws, held).await?;
    while let Err(denial) = broker.complete(task).await {
        unavailable(&denial)?;
        moment(broker, &mut laws).await?;
    }
    let waits = chance.below(60);
    wait(broker, &mut laws, waits).await?;
    end(broker, &mut laws).await?;
    Ok(issued)
}

/// Nothing goes wrong any more: all is proven within the bound.
async fn end(broker: &Broker, laws: &mut Laws) -> Result<(), String> {
    broker.outside.end_faults();
    broker.disk.end_script();
    let begin = broker.outside.now();
    while laws.settled() == 0 {
        if broker.outside.now().since(begin) > PROVEN_WITHIN {
            return Err("all is proven soon after the last fault: the task is not settled".into());
        }
        moment(broker, laws).await?;
    }
    // What was under way when the task was settled has arrived by now, if ever.
    SimClock::pass(PROVEN_WITHIN).await;
    laws.hold(&broker.disk, &broker.outside).await
}

async fn wait(broker: &Broker, laws: &mut Laws, moments: u64) -> Result<(), String> {
    for _ in 0..moments {
        moment(broker, laws).await?;
    }
    Ok(())
}

async fn moment(broker: &Broker, laws: &mut Laws) -> Result<(), String> {
    laws.hold(&broker.disk, &broker.outside).await?;
    SimClock::pass(MOMENT).await;
    laws.hold(&broker.disk, &broker.outside).await
}

/// The caller may try again.
fn unavailable(denial: &Denial) -> Result<(), String> {
    let again = denial.reason == leasehold::domain::reason::Reason::LogUnavailable;
    if again { Ok(()) } else { Err(format!("no fault refuses an honest caller: {denial:?}")) }
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
    let (mut histogram, mut issued) = (BTreeMap::<(&str, &str), u32>::new(), 0);
    let seeds = seeds();
    for seed in seeds.clone() {
        let story = run(drawn(seed)).unwrap_or_else(|broken| {
            panic!("{broken}; again: LEASEHOLD_SIM_SEED={seed} cargo test --features failpoints --test it -- sim::walk")
        });
        issued += u64::from(story.issued);
        for Happened { room, twist, .. } in story.faults {
            *histogram.entry((room, name(twist))).or_default() += 1;
        }
    }
    println!("{} seeds, {issued} with a secret; faults: {histogram:?}", seeds.end - seeds.start);
    assert!(seeds.end - seeds.start < 100 || issued > (seeds.end - seeds.start) / 2, "only {issued} drew a secret");
}

const fn name(twist: Twist) -> &'static str {
    match twist {
        Twist::Fail => "fail",
        Twist::LoseAnswer => "lose answer",
        Twist::Late(_) => "late",
        Twist::Slow(_) => "slow",
        Twist::Twice => "twice",
        Twist::Halfway => "halfway",
    }
}

/// A broker without drawn faults whose task has drawn a secret, and its laws.
async fn holding(plan: Plan) -> (Broker, Laws, TaskId) {
    let broker = Broker::start(Setting { seed: 7, plan, default_ttl: 120, store: Vec::new() }).await;
    let mut laws = Laws::new();
    let task = broker.request_task().await.unwrap();
    broker.approve(task).await.unwrap();
    broker.issue(task).await.unwrap();
    // With a mint that is done twice it is broken here already.
    let _first_look = laws.hold(&broker.disk, &broker.outside).await;
    (broker, laws, task)
}

#[tokio::test(start_paused = true)]
async fn whatever_is_down_or_lies_for_a_quarter_of_an_hour_what_the_log_says_is_true_and_all_is_proven_soon_after() {
    type Break = fn(&mut Peers);
    let outages: [(&str, Break, bool); 5] = [
        ("PostgreSQL is down", |peers| peers.postgres.trouble = Trouble::Down, false),
        ("the revocation SQL is wrong", |peers| peers.postgres.trouble = Trouble::WrongSql, false),
        ("the revocation SQL does nothing", |peers| peers.postgres.trouble = Trouble::IdleSql, true),
        ("the engine is sealed", |peers| peers.standing = Standing::Sealed, false),
        ("the engine is away", |peers| peers.standing = Standing::Away, false),
    ];
    for (what, break_it, ends_meanwhile) in outages {
        let (broker, mut laws, task) = holding(Plan::default()).await;
        broker.outside.with(break_it);
        broker.complete(task).await.unwrap();
        wait(&broker, &mut laws, 1_800).await.unwrap_or_else(|broken| panic!("{what}: {broken}"));
        assert_eq!(laws.settled() == 1, ends_meanwhile, "{what}");
        broker.outside.with(|peers| {
            (peers.postgres.trouble, peers.standing) = (Trouble::None, Standing::Ready);
        });
        end(&broker, &mut laws).await.unwrap_or_else(|broken| panic!("{what}: {broken}"));
        assert_eq!(broker.outside.with(|peers| peers.postgres.accounts().count()), 0, "{what}");
    }
}

/// The laws can be broken: by an account that nobody accounts for, and by one that lives after its end.
#[tokio::test(start_paused = true)]
async fn a_stranger_and_one_who_rises_again_break_a_law() {
    let (broker, mut laws, task) = holding(Plan::default()).await;
    let look = async |laws: &mut Laws| laws.hold(&broker.disk, &broker.outside).await.err().unwrap_or_default();
    assert_eq!(look(&mut laws).await, "");
    let name = broker.outside.with(|peers| peers.postgres.accounts().next().unwrap().0.to_owned());
    let stranger = format!("{}-stranger", &name[..18]);
    broker.outside.with(|peers| peers.postgres.create(&stranger, "p", None)).unwrap();
    assert_eq!(look(&mut laws).await, format!("every account is accounted for: {stranger}"));
    broker.outside.with(|peers| peers.postgres.end(&stranger)).unwrap();
    broker.complete(task).await.unwrap();
    end(&broker, &mut laws).await.unwrap();
    broker.outside.with(|peers| peers.postgres.create(&name, "p", None)).unwrap();
    assert_eq!(look(&mut laws).await, format!("every account is accounted for: {name}"));
    assert!(laws.calls_dead_what_lives(&broker.outside));
}

/// Found by this simulation and still so: a proxy that sends a mint twice leaves an account that the log
/// does not know, until the task's token ends. Finding it earlier takes a reconciliation.
#[tokio::test(start_paused = true)]
async fn an_account_of_a_mint_that_was_done_twice_is_unknown_and_is_gone_with_the_task() {
    let (broker, mut laws, task) = holding(Plan::told([("mint.account", 1, Twist::Twice)])).await;
    let broken = laws.hold(&broker.disk, &broker.outside).await.unwrap_err();
    assert!(broken.starts_with("every account is accounted for"), "{broken}");
    broker.complete(task).await.unwrap();
    SimClock::pass(MOMENT).await;
    end(&broker, &mut laws).await.unwrap();
    assert_eq!(laws.settled(), 1);
}

#[test]
fn the_same_seed_writes_the_same_log() {
    for seed in 0..20 {
        let [first, second] = [(); 2].map(|()| run(drawn(seed)).unwrap());
        assert_eq!((first.log, first.faults), (second.log, second.faults), "seed {seed}");
    }
}
