//! The output of `cargo test`: written to files as it comes (what the canary scan reads), shown without
//! the talk of tests that passed, and counted.

use anyhow::{Context as _, Result, anyhow};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use xtask::NOT_RUN;
use xtask::children::Children;

/// What the output said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) ignored: usize,
    /// The lines of checks that could not be made.
    pub(super) not_run: Vec<String>,
    /// Inside the talk of tests that passed, which `--show-output` prints after the results.
    in_talk: bool,
}

impl Output {
    /// Runs `command` and follows both of its streams to their ends.
    pub(super) fn follow(&mut self, children: &Children, command: &mut Command, folder: &Path) -> Result<ExitStatus> {
        let mut running = children.start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let stdout = running.child().stdout.take().context("a pipe for stdout")?;
        let stderr = running.child().stderr.take().context("a pipe for stderr")?;
        let (out_file, err_file) = (File::create(folder.join("stdout"))?, File::create(folder.join("stderr"))?);
        let talk = thread::spawn(move || each_line(stderr, err_file, |line| eprintln!("{line}")));
        each_line(stdout, out_file, |line| {
            if self.take(line) {
                println!("{line}");
            }
        })?;
        talk.join().map_err(|_panic| anyhow!("the reader of stderr failed"))??;
        Ok(running.wait()?)
    }

    /// Counts a line; true when people should see it.
    fn take(&mut self, line: &str) -> bool {
        if line.starts_with(NOT_RUN) {
            self.not_run.push(line.to_owned());
        }
        if line.starts_with("test result:") {
            self.passed += number_before(line, " passed");
            self.failed += number_before(line, " failed");
            self.ignored += number_before(line, " ignored");
        }
        match line {
            "successes:" => self.in_talk = true,
            "failures:" => self.in_talk = false,
            _ if line.starts_with("test result:") => self.in_talk = false,
            _ => {}
        }
        !self.in_talk
    }
}

fn number_before(line: &str, word: &str) -> usize {
    let before = line.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Lines need not be UTF-8; the file gets their bytes as they are.
fn each_line(stream: impl Read, mut file: File, mut show: impl FnMut(&str)) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line)? > 0 {
        file.write_all(&line)?;
        show(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_cargo_test_is_counted_and_the_talk_of_good_tests_is_not_shown() {
        let text = "\
test a ... ok
test b ... FAILED

successes:

---- a stdout ----
chatter
NOT RUN: peer: no such program

successes:
    a

failures:

---- b stdout ----
why

failures:
    b

test result: FAILED. 11 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        let mut output = Output::default();
        let shown: Vec<&str> = text.lines().filter(|line| output.take(line)).collect();
        assert_eq!((output.passed, output.failed, output.ignored), (15, 2, 3));
        assert_eq!(output.not_run, ["NOT RUN: peer: no such program"]);
        assert!(shown.contains(&"why") && shown.contains(&"test b ... FAILED"), "{shown:?}");
        assert!(!shown.contains(&"chatter"), "{shown:?}");
        assert_eq!(shown.iter().filter(|line| line.starts_with("test result:")).count(), 2);
    }

    #[test]
    fn bytes_that_are_no_text_reach_the_file_unchanged() {
        let folder = xtask::canary::output_folder("each_line").unwrap();
        let file = folder.path().join("stdout");
        let mut shown = 0;
        each_line(&b"a\xff\xfe\nlast without end"[..], File::create(&file).unwrap(), |_| shown += 1).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"a\xff\xfe\nlast without end");
        assert_eq!(shown, 2);
    }
}
