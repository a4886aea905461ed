//! The operator's commands: accounts, grants, repositories and keys, managed by the program that serves them, on the
//! same database.
//!
//! One file a noun: what it is called on the command line, how its arguments become values, and what it does. Nothing
//! is asked of a running server: what is changed here counts there with the next request. A secret comes from a prompt
//! or from standard input, never from an argument, which everyone on the machine can read; what this program makes up
//! is shown once, on standard output.

mod account;
mod answer;
mod arguments;
mod bootstrap;
mod error;
mod grant;
mod key;
mod password;
mod repository;
mod robot;
mod token;
mod user;

use clap::{ArgMatches, Command};

pub use bootstrap::{FirstAdmin, bootstrap};
pub use error::AdminError;

use answer::{Answer, Form};

use crate::config::Config;
use crate::embedded::Database;
use crate::store::{Settings, Store};

/// What there is to do, its arguments parsed.
enum Order {
    Grant(grant::Order),
    Key(key::Order),
    Repository(repository::Order),
    Robot(robot::Order),
    Token(token::Order),
    User(user::Order),
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
/// [`AdminError`], in one line.
pub async fn run(config: &Config, noun: &str, arguments: &ArgMatches) -> Result<(), AdminError> {
    let Some((verb, arguments)) = arguments.subcommand() else {
        return Err(AdminError::unknown(noun, ""));
    };
    let form = Form::of(arguments);
    // Before the database: a person may take their time to type a password.
    let order = match noun {
        "user" => Order::User(user::Order::read(verb, arguments)?),
        "robot" => Order::Robot(robot::Order::read(verb, arguments)?),
        "grant" => Order::Grant(grant::Order::read(verb, arguments)?),
        "repo" => Order::Repository(repository::Order::read(verb, arguments)?),
        "keys" => Order::Key(key::Order::read(verb, arguments)?),
        "token" => Order::Token(token::Order::read(verb, arguments)?),
        _ => return Err(AdminError::unknown(noun, verb)),
    };
    let database = Database::open(config).await?;
    let answer = obey(config, &database, order).await;
    database.close().await;
    answer?.write(form)
}

async fn obey(config: &Config, database: &Database, order: Order) -> Result<Answer, AdminError> {
    let store = connect(database).await?;
    match order {
        Order::Grant(order) => order.obey(&store).await,
        Order::Key(order) => order.obey(config, &store).await,
        Order::Repository(order) => order.obey(&store).await,
        Order::Robot(order) => order.obey(&store).await,
        Order::Token(order) => order.obey(config, &store).await,
        Order::User(order) => order.obey(&store).await,
    }
}

async fn connect(database: &Database) -> Result<Store, AdminError> {
    let postgres = database.postgres();
    let settings = Settings::of(postgres)?;
    Store::connect(&settings).await.map_err(|source| AdminError::Connect {
        address: format!("{}:{}/{}", postgres.host, postgres.port, postgres.name),
        source,
    })
}
