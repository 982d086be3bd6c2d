//! `leasehold signals tail`: the log as a stream that goes on.

use super::broker::Broker;
use super::complaint::Result;
use super::evidence;
use super::follow::Following;
use super::terminal::Terminal;
use super::text::{time, time_short};
use super::view;
use proto::v1::signal_service_client::SignalServiceClient;
use proto::v1::status_service_client::StatusServiceClient;
use proto::v1::{GetStatusRequest, SubscribeRequest, SubscribeResponse};
use std::cell::Cell;
use std::ops::ControlFlow;

/// Verbs on signals.
#[derive(Debug, clap::Subcommand)]
pub enum SignalsVerb {
    /// Print signals as they come, in order and without gaps; resumes by itself.
    #[command(after_help = "Example:\n  leasehold signals tail --from 0 --type 'lease.*' --json")]
    Tail(TailArgs),
}

/// Arguments of `signals tail`.
#[derive(Debug, clap::Args)]
pub struct TailArgs {
    /// First index wanted: one more than the last you have. Without it: only what comes from now on.
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// Only this type, such as lease.revoked or 'lease.*'; may be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Stop after this many.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
}

/// Follows and prints.
pub(super) async fn tail(broker: &mut Broker<'_>, args: &TailArgs) -> Result<()> {
    let from = match args.from {
        Some(index) => index,
        None => {
            let call = |channel, request| async move { StatusServiceClient::new(channel).get_status(request).await };
            broker.ask("read the status", GetStatusRequest {}, call).await?.log_size
        }
    };
    let next = Cell::new(from);
    let mut shown = 0;
    let message = || SubscribeRequest { from_index: next.get(), types: args.types.clone() };
    let call = |channel, request| async move { SignalServiceClient::new(channel).subscribe(request).await };
    let each = |terminal: &mut Terminal, signal: SubscribeResponse| {
        next.set(signal.index.saturating_add(1));
        shown += u64::from(!signal.entry.is_empty());
        show(terminal, &signal)?;
        Ok(if args.limit.is_some_and(|limit| shown >= limit) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    };
    let following = Following { doing: "read signals", reminder: "" };
    if broker.follow(following, message, call, each).await?.is_none() {
        broker.terminal.say(&format!("the broker closed the stream; resume with --from {}", next.get()));
    }
    Ok(())
}

fn show(terminal: &mut Terminal, signal: &SubscribeResponse) -> Result<()> {
    let heartbeat = signal.entry.is_empty();
    if terminal.json {
        let entry = if heartbeat { None } else { Some(view::entry(&signal.entry)?) };
        let (time, r#type) = (signal.time.as_ref().map(time), signal.r#type.clone());
        return terminal.record(&view::Signal { index: signal.index, r#type, time, entry });
    }
    if heartbeat {
        return Ok(());
    }
    let (index, time) = (signal.index, time_short(signal.time.as_ref()));
    terminal.line(&format!("{index:>8}  {time}  {:<30}  {}", signal.r#type, evidence::particulars(&signal.entry)))
}
