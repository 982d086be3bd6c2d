//! The verifier in Python as a child process that judges many cases. Nothing else starts it.

use super::Verdict;
use super::bundles::Base;
use super::mutations::Case;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use xtask::foreign::{self, Missing};

/// One process, for as long as it is held.
pub(super) struct Python {
    child: Child,
    input: Option<BufWriter<ChildStdin>>,
    output: BufReader<ChildStdout>,
    base: Vec<u8>,
}

impl Python {
    /// The process, or nothing and a line that says so.
    pub(super) fn start() -> Option<Self> {
        let python = match foreign::py_verifier() {
            Ok(python) => python,
            Err(error) => {
                let missing = error.downcast::<Missing>().unwrap();
                xtask::not_run(missing.what, &missing.why);
                return None;
            }
        };
        let mut command = Command::new(python);
        command.args(["-B".into(), xtask::root().join("tests/it/verifiers/batch.py")]);
        command.arg(xtask::root().join("clients/verify-py"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().map(BufWriter::new);
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, input, output, base: Vec::new() })
    }

    /// Its first complaint about each case.
    pub(super) fn verdicts(&mut self, base: &Base, cases: &[Case]) -> Vec<Verdict> {
        let read = |value: Value| {
            let law = value.get(0)?.as_str().unwrap().to_owned();
            Some((law, value[1].as_u64()))
        };
        self.answers(base, cases, told).into_iter().map(read).collect()
    }

    /// Its whole report about each case.
    pub(super) fn reports(&mut self, base: &Base, cases: &[Case]) -> Vec<Value> {
        self.answers(base, cases, |case| json!({ "report": told(case) }))
    }

    fn answers(&mut self, base: &Base, cases: &[Case], tell: impl Fn(&Case) -> Value + Sync) -> Vec<Value> {
        let wanted = [base.whole(), base.keys.clone()].concat();
        let is_new = self.base != wanted;
        self.base = wanted;
        let (mut input, output) = (self.input.take().unwrap(), &mut self.output);
        let answers = std::thread::scope(|scope| {
            // It reads and answers in turn: who writes all before reading would wait for ever.
            let writer = scope.spawn(|| {
                if is_new {
                    let lines: Vec<String> = base.lines.iter().map(|line| STANDARD.encode(line)).collect();
                    writeln!(input, "{}", json!({ "base": lines, "keys": STANDARD.encode(&base.keys) })).unwrap();
                }
                for case in cases {
                    writeln!(input, "{}", tell(case)).unwrap();
                }
                writeln!(input, "{}", json!({ "flush": true })).unwrap();
                input.flush().unwrap();
                input
            });
            let mut line = String::new();
            let mut next = || {
                line.clear();
                assert!(output.read_line(&mut line).unwrap() > 0, "the verifier in Python ended early");
                serde_json::from_str(&line).unwrap()
            };
            let answers = cases.iter().map(|_| next()).collect();
            (answers, writer.join().unwrap())
        });
        self.input = Some(answers.1);
        answers.0
    }
}

fn told(case: &Case) -> Value {
    let mut told = json!({ "keep": case.keep, "middle": STANDARD.encode(&case.middle), "resume": case.resume });
    if let Some(head) = &case.head {
        told["head"] = STANDARD.encode(head).into();
    }
    told
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}
