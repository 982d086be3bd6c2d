//! `leasehold plan` and `leasehold apply`: the estate as one versioned document.
//!
//! The file is sent as it is; the broker reads it, so there is one reader of estates.

use super::broker::Broker;
use super::complaint::{Complaint, Result};
use super::text::NOTHING;
use super::view;
use proto::v1::estate_service_client::EstateServiceClient;
use proto::v1::{ApplyEstateRequest, EstateAction, EstateChange, PlanEstateRequest, PlanEstateResponse};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// The estate, TOML.
    file: PathBuf,
}

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    /// The estate, TOML.
    file: PathBuf,
    /// Apply only if this version is still in force (`plan` prints it); without it the file is
    /// planned and applied in one go.
    #[arg(long, value_name = "VERSION")]
    against: Option<u64>,
}

/// Shows what the file would change.
pub(super) async fn plan(broker: &mut Broker<'_>, args: &PlanArgs) -> Result<()> {
    let plan = planned(broker, read(&args.file)?).await?;
    if broker.terminal.json {
        let changes: Vec<view::Change> = plan.changes.iter().map(Into::into).collect();
        let value = json!({ "version": plan.version, "changes": changes, "warnings": plan.warnings });
        return broker.terminal.document(&value);
    }
    show(broker, &plan.changes)?;
    warn(broker, &plan);
    let (version, file) = (plan.version, args.file.display());
    broker.terminal.say(&match plan.changes.len() {
        0 => format!("nothing to do: version {version} says the same"),
        n => format!("{n} to change in version {version}; next: leasehold apply {file} --against {version}"),
    });
    Ok(())
}

/// Puts the file into force.
pub(super) async fn apply(broker: &mut Broker<'_>, args: &ApplyArgs) -> Result<()> {
    let document = read(&args.file)?;
    let version = match args.against {
        Some(version) => version,
        None => {
            let plan = planned(broker, document.clone()).await?;
            warn(broker, &plan);
            plan.version
        }
    };
    let request = ApplyEstateRequest { request_id: broker.request_id(), document, version };
    let call = |channel, request| async move { EstateServiceClient::new(channel).apply_estate(request).await };
    let applied = broker.ask("apply the estate", request, call).await?;
    if broker.terminal.json {
        let changes: Vec<view::Change> = applied.changes.iter().map(Into::into).collect();
        return broker.terminal.document(&json!({ "version": applied.version, "changes": changes }));
    }
    show(broker, &applied.changes)?;
    broker.terminal.say(&match applied.changes.len() {
        0 => format!("nothing to do: version {} says the same", applied.version),
        n => format!("version {} is in force, {n} changed", applied.version),
    });
    Ok(())
}

async fn planned(broker: &mut Broker<'_>, document: String) -> Result<PlanEstateResponse> {
    let call = |channel, request| async move { EstateServiceClient::new(channel).plan_estate(request).await };
    broker.ask("plan the estate", PlanEstateRequest { document }, call).await
}

fn show(broker: &mut Broker<'_>, changes: &[EstateChange]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let row = |change: &EstateChange| {
        let sign = match EstateAction::try_from(change.action) {
            Ok(EstateAction::Add) => "+ add",
            Ok(EstateAction::Change) => "~ change",
            Ok(EstateAction::Remove) => "- remove",
            Ok(EstateAction::Unspecified) | Err(_) => "? unknown",
        };
        let fields = if change.fields.is_empty() { NOTHING.into() } else { change.fields.join(", ") };
        vec![sign.into(), change.kind.clone(), change.name.clone(), fields]
    };
    let rows: Vec<Vec<String>> = changes.iter().map(row).collect();
    broker.terminal.table(&["CHANGE", "KIND", "NAME", "FIELDS"], &rows)
}

fn warn(broker: &mut Broker<'_>, plan: &PlanEstateResponse) {
    for warning in &plan.warnings {
        broker.terminal.say(&format!("warning: {warning}"));
    }
}

fn read(file: &Path) -> Result<String> {
    let next_step = "name an estate file in TOML, such as estate.toml";
    let document = std::fs::read_to_string(file).map_err(|error| Complaint::file("read", file, &error, next_step))?;
    if document.len() > DOCUMENT_BYTES_MAX {
        let what = format!("{} has {} bytes; an estate has at most 1 MiB", file.display(), document.len());
        return Err(Complaint::usage(what, "split the estate over several brokers, or remove what is not used"));
    }
    Ok(document)
}

/// The API's bound.
const DOCUMENT_BYTES_MAX: usize = 1 << 20;
