//! `cargo xtask test`: everything that must be true of a tree. All stages run, also after a failure, so
//! that one run says all. The output of the tests is shown, kept and scanned for canaries.

mod api_lint;
mod output;

use super::{Outcome, cargo, delegate};
use anyhow::{Context as _, Result};
use output::Output;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use xtask::NOT_RUN;
use xtask::canary::{self, Register};
use xtask::children::Children;
use xtask::terminal::mark;

/// What one stage found.
enum Found {
    Good(String),
    Bad(String),
    /// The line that says so, and why.
    NotRun(String),
}

pub(super) fn run() -> Result<Outcome> {
    let workshop = Workshop::open()?;
    let mut stages = Stages::default();
    stages.cargo("format", &["fmt", "--all", "--check"]);
    stages.cargo(
        "lints",
        &["clippy", "--workspace", "--all-targets", "--features", "leasehold/failpoints", "--", "-D", "warnings"],
    );
    stages.cargo("build", &["build", "--workspace", "--examples", "--features", "leasehold/failpoints"]);
    stages.cargo("pure floors alone", &["check", "--package", "leasehold", "--lib", "--no-default-features"]);
    stages.run("features alone", features_alone);
    stages.run("API lint", api_lint::run);
    let mut output = Output::default();
    stages.run("tests", || workshop.tests(&mut output));
    stages.run("canary", || workshop.scan());
    let Output { passed, failed, ignored, not_run: mut skipped, .. } = output;
    skipped.append(&mut stages.not_run);
    for line in &skipped {
        println!("{line}");
    }
    let bad =
        if stages.bad.is_empty() { "none failed".to_owned() } else { format!("FAILED: {}", stages.bad.join(", ")) };
    let sum = format!("{} stages, {bad}; {passed} tests passed, {failed} failed, {ignored} ignored", stages.count);
    println!("{} {sum}; {} NOT RUN", mark(stages.bad.is_empty()), skipped.len());
    Ok(Outcome::of(stages.bad.is_empty()))
}

/// The stages so far, and which of them failed.
#[derive(Default)]
struct Stages {
    count: usize,
    bad: Vec<&'static str>,
    not_run: Vec<String>,
}

impl Stages {
    /// One stage; an error is a failure of this stage, not of the run.
    fn run(&mut self, name: &'static str, act: impl FnOnce() -> Result<Found>) {
        eprintln!("· {name} …");
        let start = Instant::now();
        let found = act().unwrap_or_else(|error| Found::Bad(format!("{error:#}")));
        let seconds = start.elapsed().as_secs_f32();
        self.count += 1;
        match found {
            Found::Good(sentence) => eprintln!("{} {name}: {sentence} ({seconds:.1} s)", mark(true)),
            Found::Bad(sentence) => {
                eprintln!("{} {name}: {sentence} ({seconds:.1} s)", mark(false));
                self.bad.push(name);
            }
            Found::NotRun(line) => {
                eprintln!("- {line}");
                self.not_run.push(line);
            }
        }
    }

    fn cargo(&mut self, name: &'static str, arguments: &[&str]) {
        self.run(name, || of_program(&mut cargo(arguments)));
    }
}

/// Each feature of the product without the others: in a build of everything a missing one is not missed.
fn features_alone() -> Result<Found> {
    for feature in ["server", "client", "dev", "failpoints"] {
        let alone = ["check", "--package", "leasehold", "--lib", "--no-default-features", "--features", feature];
        if let bad @ Found::Bad(_) = of_program(&mut cargo(&alone))? {
            return Ok(bad);
        }
    }
    Ok(Found::Good("as it should be".to_owned()))
}

/// A stage that is one program.
fn of_program(command: &mut Command) -> Result<Found> {
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
    let line = format!("{program} {}", arguments.join(" "));
    Ok(match delegate(command)? {
        Outcome::Succeeded => Found::Good("as it should be".to_owned()),
        Outcome::Failed => Found::Bad(format!("`{line}` failed")),
    })
}

/// The canary register and the folder of outputs of this run.
struct Workshop {
    file: PathBuf,
    register: Register,
    outputs: PathBuf,
}

impl Workshop {
    /// Removes what the last run kept; only the newest outputs are worth their room.
    fn open() -> Result<Self> {
        let target = xtask::root().join("target");
        let (canaries, outputs) = (target.join("canary"), target.join("test-output"));
        for folder in [&canaries, &outputs] {
            if folder.exists() {
                fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
            }
        }
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let run = format!("{seconds}-{}", std::process::id());
        let outputs = outputs.join(&run);
        fs::create_dir_all(&outputs)?;
        let file = canaries.join(&run).join("values");
        Ok(Self { register: Register::create(&file)?, file, outputs })
    }

    fn tests(&self, output: &mut Output) -> Result<Found> {
        let mut command = cargo(&[
            "test",
            "--workspace",
            "--features",
            "leasehold/failpoints",
            "--no-fail-fast",
            "--",
            "--show-output",
        ]);
        command.env(canary::FILE_VARIABLE, &self.file).env(canary::OUTPUT_VARIABLE, &self.outputs);
        let children = Children::new()?;
        let status = output.follow(&children, &mut command, &self.outputs)?;
        let kept = format!("whole output in {}", self.outputs.display());
        Ok(match status.success() && output.passed > 0 {
            true => Found::Good(kept),
            false => Found::Bad(format!("cargo test ended with {status}; {kept}")),
        })
    }

    /// Every secret that a test was handed, in every output. The register is gone afterwards.
    fn scan(&self) -> Result<Found> {
        let mut registered = self.register.read()?;
        self.register.clone().remove()?;
        if registered.values.is_empty() {
            return Ok(Found::NotRun(format!("{NOT_RUN}canary: no test registered a secret")));
        }
        registered.outputs.push(self.outputs.clone());
        let hits = canary::scan(&registered.values, &registered.outputs)?;
        for hit in &hits {
            println!("canary: {hit}");
        }
        let sum = format!("{} secrets, {} hits", registered.values.len(), hits.len());
        Ok(if hits.is_empty() { Found::Good(sum) } else { Found::Bad(sum) })
    }
}
