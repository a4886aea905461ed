//! `doctor`: looks at the settings, the partners, this machine and the rows, and says what is wrong and what to do.

mod database;
mod finding;
mod machine;
mod node;

use clap::Command;
use serde_json::json;

use self::finding::{Findings, Level};
use super::answer::Answer;
use super::arguments::verb;
use super::error::CliError;
use crate::config::{Config, ExposureFacts};
use crate::embedded::CommandPartners;

/// The command `doctor`.
pub(super) fn command() -> Command {
    verb(
        "doctor",
        "Look for what is wrong and say what to do; exit code 0: nothing, 3: warnings, 2: something is broken",
    )
}

/// Looks at everything. A partner that does not answer is a finding.
pub(super) async fn run(config: &Config) -> Result<Answer, CliError> {
    let mut findings = Findings::default();
    settings(config, &mut findings);
    machine::look(config, &mut findings);
    let private = config.postgres.is_none() || config.kubo.is_none();
    let empty = private && !config.data_dir.exists();
    if empty {
        findings.fine("partners", format!("{} does not exist yet", config.data_dir.display()));
    }
    if empty && config.postgres.is_none() {
        return answer(&findings);
    }
    // A look makes no repository of Kubo.
    let partners = match empty {
        true => CommandPartners::postgres_only(config).await,
        false => CommandPartners::both(config).await,
    };
    match partners {
        Ok(partners) => {
            if partners.were_started() {
                findings.fine(
                    "partners",
                    "no server runs, so the private ones were started for this look",
                );
            }
            look_at_partners(config, &partners, &mut findings).await;
            partners.close().await;
        }
        Err(error) => findings.add(Level::Broken, "partners", error.to_string()).means(
            "a server with these settings does not start either",
            "do what the message says, and run this command again",
        ),
    }
    answer(&findings)
}

async fn look_at_partners(config: &Config, partners: &CommandPartners, findings: &mut Findings) {
    let checkup = database::look(config, partners.postgres(), findings).await;
    let Some(kubo) = partners.kubo() else { return };
    node::look(config, kubo, checkup.as_ref(), findings).await;
}

/// What the settings say by themselves.
fn settings(config: &Config, findings: &mut Findings) {
    for warning in &config.warnings {
        findings.add(Level::Warning, "settings", warning.clone()).means(
            "the server ignores it, so something is not set up as it was meant",
            "correct the name or remove it; `af-registry --help` lists all settings",
        );
    }
    // What the partners show is found where they are asked.
    let own = ExposureFacts { kubo_has_peers: false, ..config.exposure_facts() };
    for exposure in own.exposures() {
        findings.exposed(exposure);
    }
    if config.warnings.is_empty() {
        findings.fine("settings", "all are known and valid");
    }
}

fn answer(findings: &Findings) -> Result<Answer, CliError> {
    let worst = findings.worst();
    let json = json!({ "state": worst.word(), "findings": findings.all() });
    Ok(Answer::new(findings.text(), &json)?.with_code(worst.code()))
}
