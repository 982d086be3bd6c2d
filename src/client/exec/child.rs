//! The one child of `exec`: started with the secrets, given every signal, and waited for.

use super::Handover;
use crate::complaint::{Complaint, Result};
use crate::terminal::{Interruption, Interruptions};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use tokio::process::{Child, Command};

/// Runs the command to its end and gives its exit code: 128 and the signal's number if one
/// killed it.
pub(super) async fn run(
    command: &[OsString],
    handover: Handover,
    task_id: &str,
    interruptions: &mut Interruptions,
) -> Result<u8> {
    let mut child = start(command, handover, task_id)?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map(code).map_err(Complaint::bug),
            signal = interruptions.next() => pass_on(&child, signal),
        }
    }
}

fn start(command: &[OsString], handover: Handover, task_id: &str) -> Result<Child> {
    let [program, arguments @ ..] = command else {
        return Err(Complaint::usage("no command was given", "write it after --"));
    };
    let mut spawn = Command::new(program);
    spawn.args(arguments).env("LEASEHOLD_TASK_ID", task_id);
    let child = handover.give(&mut spawn).and_then(|()| spawn.spawn());
    // Our copies of the descriptors close here, whatever came of it.
    drop(handover);
    child.map_err(|error| {
        let name = program.to_string_lossy();
        let exit_code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED };
        let next_step = "check the command's name, PATH and permissions";
        Complaint::failed(format!("cannot start {name}: {error}"), next_step).with_exit_code(exit_code)
    })
}

fn pass_on(child: &Child, signal: Interruption) {
    let signal = match signal {
        // Ctrl-C on a terminal reaches the child by itself: both are in its foreground group.
        Interruption::Interrupt if in_foreground() => return,
        Interruption::Interrupt => Signal::INT,
        Interruption::Terminate => Signal::TERM,
        Interruption::HangUp => Signal::HUP,
    };
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may be gone already; then `wait` says so.
        let _ = kill_process(pid, signal);
    }
}

fn in_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

fn code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(1),
        (None, Some(signal)) => 128_u8.saturating_add(u8::try_from(signal).unwrap_or(127)),
        (None, None) => 1,
    }
}

/// As `env`, `nohup` and shells have it.
const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;
