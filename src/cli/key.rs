//! `keys`: what signs tokens.

use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use super::answer::{Answer, or_dash};
use super::arguments::{noun, verb};
use super::error::CliError;
use crate::accounts::Timestamp;
use crate::auth::Auth;
use crate::config::Config;
use crate::store::{SigningKey, Store};

/// What may be done with keys.
pub(super) enum Operation {
    List,
    Rotate,
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    let verbs = [
        verb("list", "List all keys that are believed"),
        verb("rotate", "Make a key that takes over in ten minutes, when every instance knows it"),
    ];
    noun("keys", "Manage the keys that sign tokens", verbs)
}

impl Operation {
    /// Reads what is asked for.
    pub(super) fn read(verb: &str, _: &ArgMatches) -> Result<Self, CliError> {
        match verb {
            "list" => Ok(Self::List),
            "rotate" => Ok(Self::Rotate),
            _ => Err(CliError::unknown("keys", verb)),
        }
    }

    pub(super) async fn run(self, config: &Config, store: &Store) -> Result<Answer, CliError> {
        match self {
            Self::List => list(store).await,
            Self::Rotate => {
                let kid = authority(config, store).await?.rotate().await?;
                let text = format!("made the key {kid}, which takes over in ten minutes");
                Answer::new(text, &json!({ "kid": kid }))
            }
        }
    }
}

/// Whoever signs and verifies, as the server does. The first key is for the server to make: here the signing secret may
/// be another one, and a key that the server cannot open would keep it from starting.
pub(super) async fn authority(config: &Config, store: &Store) -> Result<Auth, CliError> {
    if store.signing_keys().await?.is_empty() {
        return Err(CliError::NoKey);
    }
    Ok(Auth::configured(config, store.clone()).await?)
}

/// The newest first, and nothing of the private parts.
async fn list(store: &Store) -> Result<Answer, CliError> {
    let keys = store.signing_keys().await?;
    let signing = keys.iter().position(|key| key.signs);
    let state = |at: usize| match signing {
        Some(signing) if at == signing => "signs",
        Some(signing) if at > signing => "retiring",
        _ => "next",
    };
    let rows = keys.iter().enumerate().map(|(at, key)| {
        let (created, signs_from) =
            (Timestamp::from(key.created_at), Timestamp::from(key.signs_from));
        let retires = or_dash(key.retires_at.map(Timestamp::from));
        [
            key.kid.clone(),
            state(at).to_owned(),
            created.to_string(),
            signs_from.to_string(),
            retires,
        ]
    });
    let json: Value = keys.iter().enumerate().map(|(at, key)| shown(key, state(at))).collect();
    Answer::table(["KEY", "STATE", "CREATED", "SIGNS FROM", "RETIRES"], rows, &json)
}

fn shown(key: &SigningKey, state: &str) -> Value {
    json!({
        "kid": key.kid,
        "state": state,
        "created_at": Timestamp::from(key.created_at),
        "signs_from": Timestamp::from(key.signs_from),
        "retires_at": key.retires_at.map(Timestamp::from),
    })
}
