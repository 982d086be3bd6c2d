//! Bounds that are law. Each is tested at its edge.

use crate::base::Span;

/// Longest wait for an approval.
pub const PENDING_MAX: Span = Span::from_seconds(24 * 3_600);
/// Erasures that wait for a second person at once.
pub const ERASURES_MAX: usize = 64;
/// Longest life of an approval.
pub const APPROVAL_MAX: Span = Span::from_seconds(24 * 3_600);
/// Shortest window of a task, in seconds.
pub const WINDOW_SECONDS_MIN: u64 = 10;
/// Longest window of a task, in seconds.
pub const WINDOW_SECONDS_MAX: u64 = 24 * 3_600;
/// Shortest life of a secret that is worth issuing.
pub const TTL_MIN: Span = Span::from_seconds(5);
/// The engine's clock is set no further ahead than this while a task lives: the last dead man's switch.
pub const STEP_MAX: Span = Span::from_seconds(120);
/// How long before the engine would end a lease it is prolonged.
pub const STEP_AHEAD: Span = Span::from_seconds(60);
/// From an intent to the moment when its mint request has left for the engine, at the most.
pub const SEND_MAX: Span = Span::from_seconds(10);
/// Of these, from the call of the engine's port until the request has left, at the most: later it
/// is given up and was never sent.
pub const MINT_SEND_MAX: Span = Span::from_seconds(5);
/// Most credentials in one task.
pub const SCOPE_MAX: usize = 16;
/// Most open tasks of one subject.
pub const OPEN_TASKS_MAX: usize = 64;
/// Most unsettled leases of one task.
pub const OPEN_LEASES_MAX: usize = 256;
/// Longest free text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1_000;
/// Most requests within one task (yeses, secrets, renewals, ends of leases): from then on it gets
/// neither secrets nor renewals. One every 21 s through the longest window.
pub const ASKED_OF_A_TASK_MAX: u32 = 4_096;
/// Tasks that an agent may request one right after another.
pub const TASKS_AT_ONCE_MAX: u64 = 500;
/// And then one more in each of these: with those at once no more than 1,000 in any hour.
pub const TASK_EVERY: Span = Span::from_millis(TASK_EVERY_MILLIS);
/// How long it takes until all places of an agent are free again, at the most.
pub const TASKS_PACE: Span = Span::from_millis(TASK_EVERY_MILLIS * TASKS_AT_ONCE_MAX);
const TASK_EVERY_MILLIS: u64 = 7_200;
/// How long a repeat is recognised whose task is gone, or that never had one.
pub const REMEMBER: Span = Span::from_seconds(24 * 3_600);
/// Most requests that are so remembered. An agent at its pace leaves 25,000 in a day: ten of these
/// fill it, one never does.
pub const REMEMBERED_MAX: usize = 250_000;
/// Of these, kept free of tasks: operators must be able to stop who fills the rest.
pub const REMEMBERED_FOR_OPERATORS: usize = 1_000;
/// What is remembered of a task that is gone: its request and its end.
pub const MARKS_PER_TASK: usize = 2;
