//! The operator's commands: accounts, grants, repositories and keys, managed by the program that serves them, on the
//! same database.
//!
//! One file a noun: what it is called on the command line, how its arguments become values, and what it does. Nothing
//! is asked of a running server: what is changed here counts there with the next request. A secret comes from a prompt
//! or from standard input, never from an argument, which everyone on the machine can read; what this program makes up
//! is shown once, on standard output.

mod answer;
mod arguments;
mod error;
mod grant;
mod key;
mod password;
mod repository;
mod robot;
mod token;
mod user;

use clap::{ArgMatches, Command};

pub use error::CliError;

use answer::{Answer, Form};

use crate::accounts::Accounts;
use crate::config::Config;
use crate::embedded::Database;
use crate::store::{Settings, Store};

/// What there is to do, its arguments parsed.
enum Operation {
    Grant(grant::Operation),
    Key(key::Operation),
    Repository(repository::Operation),
    Robot(robot::Operation),
    Token(token::Operation),
    User(user::Operation),
}

/// The commands, for the command line.
pub fn commands() -> Vec<Command> {
    vec![
        user::command(),
        robot::command(),
        grant::command(),
        repository::command(),
        key::command(),
        token::command(),
    ]
}

/// Does what one of [`commands`] was called to do, and writes the answer to standard output.
///
/// # Errors
/// [`CliError`], in one line.
pub async fn run(config: &Config, noun: &str, arguments: &ArgMatches) -> Result<(), CliError> {
    let Some((verb, arguments)) = arguments.subcommand() else {
        return Err(CliError::unknown(noun, ""));
    };
    let form = Form::of(arguments);
    // Before the database: a person may take their time to type a password.
    let operation = match noun {
        "user" => Operation::User(user::Operation::read(verb, arguments)?),
        "robot" => Operation::Robot(robot::Operation::read(verb, arguments)?),
        "grant" => Operation::Grant(grant::Operation::read(verb, arguments)?),
        "repo" => Operation::Repository(repository::Operation::read(verb, arguments)?),
        "keys" => Operation::Key(key::Operation::read(verb, arguments)?),
        "token" => Operation::Token(token::Operation::read(verb, arguments)?),
        _ => return Err(CliError::unknown(noun, verb)),
    };
    let database = Database::open(config).await?;
    let answer = answer(config, &database, operation).await;
    database.close().await;
    answer?.write(form)
}

async fn answer(
    config: &Config,
    database: &Database,
    operation: Operation,
) -> Result<Answer, CliError> {
    let store = connect(database).await?;
    let accounts = Accounts::new(store.clone());
    match operation {
        Operation::Grant(grant) => grant.run(&accounts).await,
        Operation::Key(key) => key.run(config, &store).await,
        Operation::Repository(repository) => repository.run(&accounts).await,
        Operation::Robot(robot) => robot.run(&accounts).await,
        Operation::Token(token) => token.run(config, &store).await,
        Operation::User(user) => user.run(&accounts).await,
    }
}

async fn connect(database: &Database) -> Result<Store, CliError> {
    let postgres = database.postgres();
    let settings = Settings::of(postgres)?;
    Store::connect(&settings).await.map_err(|source| CliError::Connect {
        address: format!("{}:{}/{}", postgres.host, postgres.port, postgres.name),
        source,
    })
}
