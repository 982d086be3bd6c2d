//! `cargo xtask bench NAME`: runs one bench, shows its figures and judges their bounds. A bench is a
//! `[[bench]]` without the test harness that prints its figures (`xtask::figures`) on stdout.

use super::targets::targets;
use super::{Outcome, Usage, cargo};
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use xtask::children::Children;
use xtask::figures::{Figure, table};

pub(super) fn run(arguments: &[&str]) -> Result<Outcome> {
    let (flags, names): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|argument| argument.starts_with('-'));
    if let Some(unknown) = flags.iter().find(|flag| **flag != "--json") {
        return Err(Usage(format!("`bench` takes no `{unknown}`")).into());
    }
    let known = targets("bench")?;
    let list = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
    let [name, parts @ ..] = names.as_slice() else { return Err(Usage(format!("name a bench: {list}")).into()) };
    if !known.iter().any(|bench| bench == name) {
        return Err(Usage(format!("there is no bench `{name}`; there are: {list}")).into());
    }
    let mut figures = measure(name, parts)?;
    // A start is part of what the log costs: measured with the whole of it, and alone by its own name.
    if *name == LOG && parts.is_empty() {
        figures.extend(measure(START, &[])?);
    }
    if flags.is_empty() {
        print!("{}", table(&figures));
    } else {
        figures.iter().for_each(Figure::print);
    }
    Ok(judge(name, &figures))
}

const LOG: &str = "log";
const START: &str = "start";

/// Runs the bench, or the parts of it that it knows by these words; what is not a figure is talk and
/// goes to stderr.
fn measure(name: &str, parts: &[&str]) -> Result<Vec<Figure>> {
    let children = Children::new()?;
    let mut running =
        children.start(cargo(&["bench", "--quiet", "--bench", name, "--"]).args(parts).stdout(Stdio::piped()))?;
    let stdout = running.child().stdout.take().context("the pipe of the bench")?;
    let mut figures = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        match Figure::read(&line)? {
            Some(figure) => figures.push(figure),
            None => eprintln!("{line}"),
        }
    }
    let status = running.wait()?;
    if !status.success() || figures.is_empty() {
        bail!("bench {name} ended with {status} and {} figures", figures.len());
    }
    Ok(figures)
}

fn judge(name: &str, figures: &[Figure]) -> Outcome {
    let bound = figures.iter().filter(|figure| figure.bound.is_some()).count();
    let missed: Vec<&str> =
        figures.iter().filter(|figure| !figure.keeps_its_bound()).map(|figure| figure.figure.as_str()).collect();
    let verdict = if missed.is_empty() { "all kept".to_owned() } else { format!("missed: {}", missed.join(", ")) };
    eprintln!("bench {name}: {} figures, {bound} with a bound, {verdict}", figures.len());
    Outcome::of(missed.is_empty())
}
