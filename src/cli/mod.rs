//! The operator's commands. They manage accounts, grants, repositories, keys and jobs in the database of the server.
//!
//! Each noun has a file with its command line and its output. The operations themselves are in the rooms below.
//! The commands do not talk to a running server, but a change takes effect there with the next request. A secret is
//! read from a prompt or from standard input, never from an argument, because every user of the machine can read those.
//! A generated secret is shown once, on standard output.

mod answer;
mod arguments;
mod backup;
mod doctor;
mod error;
mod gc;
mod grant;
mod healthcheck;
mod job;
mod key;
mod manual;
mod password;
mod progress;
mod repository;
mod robot;
mod scrub;
mod token;
mod user;

use std::process::ExitCode;

use clap::{ArgMatches, Command};

pub use error::CliError;

use answer::{Answer, Form};

use crate::accounts::Accounts;
use crate::config::{Config, command_line};
use crate::embedded::CommandPartners;
use crate::store::{Settings, Store};

/// An operation with its parsed arguments.
enum Operation {
    Backup(backup::Operation),
    Gc(gc::Operation),
    Grant(grant::Operation),
    Job(job::Operation),
    Key(key::Operation),
    Repository(repository::Operation),
    Robot(robot::Operation),
    Scrub(scrub::Operation),
    Token(token::Operation),
    User(user::Operation),
}

/// All commands, for the parser of the command line.
pub fn commands() -> Vec<Command> {
    let [backup, restore] = backup::commands();
    vec![
        user::command(),
        robot::command(),
        grant::command(),
        repository::command(),
        key::command(),
        token::command(),
        job::command(),
        gc::command(),
        scrub::command(),
        backup,
        restore,
        healthcheck::command(),
        doctor::command(),
        manual::command(),
    ]
}

/// Runs one of the [`commands`], writes its answer to standard output, and returns the exit code.
pub async fn run(
    config: &Config,
    noun: &str,
    arguments: &ArgMatches,
) -> Result<ExitCode, CliError> {
    // The probe asks the server and opens no database.
    if noun == healthcheck::NAME {
        return healthcheck::run(config, arguments);
    }
    if noun == manual::NAME {
        return manual::run(command_line(commands()), arguments);
    }
    // Only the parser knows which commands have verbs.
    let (verb, arguments) = arguments.subcommand().unwrap_or(("", arguments));
    let form = Form::of(arguments);
    if noun == "doctor" {
        // It reports partners that do not answer.
        return doctor::run(config).await?.write(form);
    }
    // The arguments are read before the database is opened, because typing a password takes time.
    let operation = match noun {
        "user" => Operation::User(user::Operation::read(verb, arguments)?),
        "robot" => Operation::Robot(robot::Operation::read(verb, arguments)?),
        "gc" => Operation::Gc(gc::Operation::read(verb, arguments)?),
        "grant" => Operation::Grant(grant::Operation::read(verb, arguments)?),
        "repo" => Operation::Repository(repository::Operation::read(verb, arguments)?),
        "keys" => Operation::Key(key::Operation::read(verb, arguments)?),
        "jobs" => Operation::Job(job::Operation::read(verb, arguments)?),
        "scrub" => Operation::Scrub(scrub::Operation::read(verb, arguments)?),
        "backup" | "restore" => Operation::Backup(backup::Operation::read(noun, arguments)?),
        "token" => Operation::Token(token::Operation::read(verb, arguments)?),
        _ => return Err(CliError::unknown(noun, verb)),
    };
    let partners = match &operation {
        Operation::Backup(backup) if backup.needs_kubo() => CommandPartners::both(config).await?,
        Operation::Gc(gc) if gc.needs_kubo() => CommandPartners::both(config).await?,
        Operation::Job(job) if job.needs_kubo() => CommandPartners::both(config).await?,
        Operation::Scrub(scrub) if scrub.needs_kubo() => CommandPartners::both(config).await?,
        _ => CommandPartners::postgres_only(config).await?,
    };
    if partners.were_made() && noun != "restore" {
        let path = config.data_dir.display();
        eprintln!(
            "af-registry: there was no registry in {path}, so this command made an empty database there; for that of a \
             server, give it the settings of the server (OPEN_REGISTRY_DATA_DIR)"
        );
    }
    let answer = answer(config, &partners, operation).await;
    partners.close().await;
    answer?.write(form)
}

async fn answer(
    config: &Config,
    partners: &CommandPartners,
    operation: Operation,
) -> Result<Answer, CliError> {
    // A backup takes the schema as it is, and a restored one comes with its own.
    let store = async || connect(partners).await;
    let accounts = async || connect(partners).await.map(Accounts::new);
    match operation {
        Operation::Backup(backup) => backup.run(config, partners).await,
        Operation::Gc(gc) => Box::pin(gc.run(config, &store().await?, partners.kubo())).await,
        Operation::Grant(grant) => grant.run(&accounts().await?).await,
        Operation::Job(job) => job.run(config, &store().await?, partners.kubo()).await,
        Operation::Key(key) => key.run(config, &store().await?).await,
        Operation::Repository(repository) => repository.run(&accounts().await?).await,
        Operation::Robot(robot) => robot.run(&accounts().await?).await,
        Operation::Scrub(scrub) => scrub.run(config, &store().await?, partners.kubo()).await,
        Operation::Token(token) => token.run(config, &store().await?).await,
        Operation::User(user) => user.run(&accounts().await?).await,
    }
}

async fn connect(partners: &CommandPartners) -> Result<Store, CliError> {
    let postgres = partners.postgres();
    let settings = Settings::of(postgres)?;
    Store::connect(&settings)
        .await
        .map_err(|source| CliError::Connect { address: postgres.address(), source })
}
