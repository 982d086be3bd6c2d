//! `leasehold doctor`: whether the engine, its database roles and the broker's own side are set up
//! as Leasehold needs them, and what mends each trouble. It changes nothing.
//!
//! The facts come from the engine with an operator's token and from this machine; `domain/preflight`
//! judges them. Works without a running broker.

mod broker;
mod public_log;
mod report;
mod witnesses;

use super::config::Config;
use super::telemetry;
use crate::adapters::vault::{SurveyorSettings, VaultSurveyor};
use crate::client::{Complaint, Globals, Terminal};
use crate::domain::base::{Secret, SpiffeId};
use crate::domain::estate::{Document, Estate};
use crate::domain::form::Mistakes;
use crate::domain::preflight::{
    BrokerExpected, Expected, Finding, Survey, examine, examine_broker, examine_public_log, examine_reach,
    examine_text, examine_witnesses,
};
use crate::ports::{Fault, Surveyor};
use anyhow::Result;
use report::Report;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use zeroize::Zeroizing;

/// What to look at, and with which token.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// The broker's configuration.
    #[arg(long, value_name = "FILE", default_value = "leasehold.toml")]
    config: PathBuf,
    /// The estate that the engine must serve.
    #[arg(long, value_name = "FILE")]
    estate: PathBuf,
    /// File with an operator's token for the engine; else the variable `BAO_TOKEN` or `VAULT_TOKEN`.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Looks, judges, shows. Exit code 1 if something fails.
///
/// # Errors
/// A usage complaint, if a file or the token is missing; or if nothing can be shown.
pub async fn run(args: DoctorArgs, globals: &Globals) -> Result<ExitCode> {
    let mut terminal = Terminal::of_process(globals.json);
    let token = token(args.token_file.as_deref())?;
    let told_id = told_id(globals)?;
    let config = read(&args.config, Config::parse)?;
    let estate = read(&args.estate, Document::parse)?;
    let (config_file, estate_file) = (args.config.display().to_string(), args.estate.display().to_string());
    let mut findings = examine_text("config", &config_file, &config);
    findings.extend(examine_text("estate", &estate_file, &estate));
    let (mut engine, mut broker_id) = (None, told_id.clone());
    if let (Ok(config), Ok(document)) = (config, estate) {
        let visit = Visit { config: &config, estate: Estate::of_document(&document), estate_file: &estate_file };
        terminal.say(&format!("looking at the engine at {} and at the broker's own side", config.vault.address));
        let (found, seen_id) = visit.look(token, told_id.as_ref(), globals.socket.as_deref()).await;
        findings.extend(found);
        broker_id = broker_id.or(seen_id);
        engine = Some(config.vault.address);
    }
    let report = Report { engine, broker_id, findings };
    report.show(&mut terminal)?;
    Ok(if report.has_failures() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Two files without mistakes: all that is needed to look further.
struct Visit<'a> {
    config: &'a Config,
    estate: Estate,
    estate_file: &'a str,
}

impl Visit<'_> {
    /// The findings, and who the Workload API says that we are.
    async fn look(
        &self,
        token: Secret,
        told_id: Option<&SpiffeId>,
        socket: Option<&str>,
    ) -> (Vec<Finding>, Option<SpiffeId>) {
        let (log, vault) = (&self.config.log, &self.config.vault);
        let standing = broker::Standing::take(self.config, socket).await;
        let broker_id = told_id.or(standing.id());
        let expected = Expected {
            estate: &self.estate,
            estate_file: self.estate_file,
            broker_id,
            audience: &vault.jwt.audience,
            login_mount: &vault.jwt.mount,
            login_role: &vault.jwt.role,
            request_seconds_max: vault.request_seconds_max,
        };
        let survey = self.survey(token, &expected).await;
        let files = (log.file.display().to_string(), log.key_file.display().to_string());
        let broker = BrokerExpected { log_file: &files.0, key_file: &files.1, told_id };
        let try_login = survey.is_ok() && standing.id() == broker_id;
        let mut findings = examine_broker(&broker, &standing.survey(self.config, try_login).await);
        findings.extend(self.outward().await);
        let reached = survey.as_ref().map(drop).map_err(|fault| fault.sentence.as_str());
        findings.extend(examine_reach(&vault.address, reached));
        findings.extend(survey.iter().flat_map(|survey| examine(&expected, survey)));
        (findings, standing.id().cloned())
    }

    /// Who vouches for the log, and where strangers read it.
    async fn outward(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(settings) = &self.config.witness {
            findings.extend(examine_witnesses(&witnesses::survey(self.config, settings).await));
        }
        if let Some(listen) = self.config.http {
            let seen = public_log::look(listen, &self.config.log.origin).await;
            findings.extend(examine_public_log(&listen.to_string(), &seen));
        }
        findings
    }

    async fn survey(&self, token: Secret, expected: &Expected<'_>) -> Result<Survey, Fault> {
        let vault = &self.config.vault;
        let (address, ca_file, namespace) = (vault.address.clone(), vault.ca_file.clone(), vault.namespace.clone());
        let settings = SurveyorSettings { address, ca_file, namespace, token, deadline: ANSWER_MAX };
        let surveyor: Box<dyn Surveyor> = Box::new(VaultSurveyor::new(settings)?);
        surveyor.survey(expected).await
    }
}

fn read<T>(file: &Path, parse: fn(&str) -> Result<T, Mistakes>) -> Result<Result<T, Mistakes>, Complaint> {
    let text = fs::read_to_string(file);
    text.map(|text| parse(&text))
        .map_err(|error| Complaint::file("read", file, &error, "name a file that you can read"))
}

/// Never from the command line, where every process of the machine could read it.
fn token(file: Option<&Path>) -> Result<Secret, Complaint> {
    let next_step = "name a file with --token-file, or set BAO_TOKEN or VAULT_TOKEN, to a token of the policy doctor";
    let text = match file {
        Some(file) => fs::read_to_string(file).map_err(|error| Complaint::file("read", file, &error, next_step))?,
        None => ["BAO_TOKEN", "VAULT_TOKEN"].into_iter().find_map(telemetry::environment).unwrap_or_default(),
    };
    let text = Zeroizing::new(text);
    match text.trim() {
        "" => Err(Complaint::usage("no token for the engine", next_step)),
        token => Ok(Secret::from_text(token.to_owned())),
    }
}

fn told_id(globals: &Globals) -> Result<Option<SpiffeId>, Complaint> {
    let told = globals.broker_id.as_deref().filter(|told| !told.is_empty());
    told.map(SpiffeId::parse).transpose().map_err(|error| {
        Complaint::usage(
            format!("--broker-id is not a SPIFFE ID: {error}"),
            "write --broker-id like spiffe://example.org/leasehold",
        )
    })
}

/// An operator waits for one answer of the engine no longer than this.
const ANSWER_MAX: Duration = Duration::from_secs(10);
