//! `docs/cli.md` is what `--help` says of every verb, so the page cannot drift.

use clap::{Command, CommandFactory as _};
use leasehold::app::cli::Cli;
use std::fmt::Write as _;

const HEAD: &str = "# The command line\n\n\
    What `leasehold … --help` says of each verb; the global options, which each takes, only once. Written by a test\n\
    (`tests/it/golden/cli_help.rs`). The shapes of `--json` are in `tests/it/client/shapes.golden`.\n";

#[test]
fn the_page_is_what_help_says() {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut page = HEAD.to_owned();
    write_down(&mut root, "##", &mut page);
    super::same("docs/cli.md", &page);
}

#[test]
fn every_verb_teaches_by_an_example() {
    let mut root = Cli::command();
    root.build();
    let mut without = Vec::new();
    look_for_examples(&root, &mut without);
    assert!(without.is_empty(), "verbs without an example: {without:?}");
}

fn write_down(command: &mut Command, heading: &str, page: &mut String) {
    let name = command.get_bin_name().unwrap_or("leasehold").to_owned();
    let help = command.render_help().to_string();
    let mut lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    if heading != "##" {
        leave_out_globals(&mut lines);
    }
    writeln!(page, "\n{heading} {name}\n\n```text\n{}\n```", lines.join("\n").trim_end()).unwrap();
    for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
        write_down(verb, "###", page);
    }
}

/// They are the same everywhere, and the page has them once.
fn leave_out_globals(lines: &mut Vec<&str>) {
    let Some(start) = lines.iter().position(|line| *line == "Global options:") else { return };
    let length = lines[start..].iter().position(|line| line.is_empty()).map_or(lines.len() - start, |blank| blank + 1);
    lines.drain(start..start + length);
}

fn look_for_examples(command: &Command, without: &mut Vec<String>) {
    let verbs: Vec<&Command> = command.get_subcommands().filter(|verb| verb.get_name() != "help").collect();
    if verbs.is_empty() {
        let example = command.get_after_help().is_some_and(|help| help.to_string().contains("Example"));
        if !example {
            without.push(command.get_bin_name().unwrap_or_default().to_owned());
        }
    }
    verbs.into_iter().for_each(|verb| look_for_examples(verb, without));
}
