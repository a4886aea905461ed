//! `keys`: what signs tokens.

use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use super::answer::{Answer, time, time_or_dash};
use super::arguments::{noun, verb};
use super::error::AdminError;
use crate::store::{SigningKey, Store};

/// What may be done with keys.
pub(super) enum Order {
    List,
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    noun(
        "keys",
        "Manage the keys that sign tokens",
        [verb("list", "List all keys that are believed")],
    )
}

impl Order {
    /// Reads what is asked for.
    pub(super) fn read(verb: &str, _: &ArgMatches) -> Result<Self, AdminError> {
        match verb {
            "list" => Ok(Self::List),
            _ => Err(AdminError::unknown("keys", verb)),
        }
    }

    /// Does it.
    pub(super) async fn obey(self, store: &Store) -> Result<Answer, AdminError> {
        match self {
            Self::List => list(store).await,
        }
    }
}

/// The newest first, and nothing of the private parts.
async fn list(store: &Store) -> Result<Answer, AdminError> {
    let keys = store.signing_keys().await?;
    let signing = keys.iter().position(|key| key.signs);
    let state = |at: usize| match signing {
        Some(signing) if at == signing => "signs",
        Some(signing) if at > signing => "retiring",
        _ => "next",
    };
    let rows = keys.iter().enumerate().map(|(at, key)| {
        let (signs_from, retires) = (time(key.signs_from), time_or_dash(key.retires_at));
        [key.kid.clone(), state(at).to_owned(), time(key.created_at), signs_from, retires]
    });
    let json: Value = keys.iter().enumerate().map(|(at, key)| shown(key, state(at))).collect();
    Ok(Answer::table(["KEY", "STATE", "CREATED", "SIGNS FROM", "RETIRES"], rows, json))
}

fn shown(key: &SigningKey, state: &str) -> Value {
    json!({
        "kid": key.kid,
        "state": state,
        "created_at": time(key.created_at),
        "signs_from": time(key.signs_from),
        "retires_at": key.retires_at.map(time),
    })
}
