//! `token`: the tokens of accounts.

use std::io::{self, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{ArgMatches, Command};
use serde_json::json;

use super::answer::Answer;
use super::arguments::{noun, required, value, verb};
use super::error::CliError;
use super::key;
use crate::accounts::{AccountName, Accounts, Timestamp};
use crate::auth::Inspection;
use crate::config::{Config, Secret};
use crate::store::Store;

/// Most bytes that are read from standard input. No token is longer.
const LONGEST: u64 = 64 * 1024;

/// An operation on tokens, with its arguments.
pub(super) enum Operation {
    Inspect { token: Secret },
    Revoke { account: AccountName },
}

/// The command `token` with its verbs.
pub(super) fn command() -> Command {
    let account = required::<AccountName>("account", "ACCOUNT", "Name of the user or robot.");
    let verbs = [
        verb("inspect", "Show what the token on standard input contains, and whether it is valid"),
        verb("revoke", "End all tokens of an account; its password or secret stays valid")
            .arg(account),
    ];
    noun("token", "Inspect and revoke tokens", verbs)
}

impl Operation {
    /// Reads the arguments, and the token if the verb needs one.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        match verb {
            "inspect" => {
                let mut text = String::new();
                let read = io::stdin().lock().take(LONGEST).read_to_string(&mut text);
                read.map_err(|source| CliError::Read { what: "the token", source })?;
                Ok(Self::Inspect { token: Secret::new(text.trim()) })
            }
            "revoke" => Ok(Self::Revoke { account: value(arguments, "account")? }),
            _ => Err(CliError::unknown("token", verb)),
        }
    }

    pub(super) async fn run(self, config: &Config, store: &Store) -> Result<Answer, CliError> {
        match self {
            Self::Inspect { token } => inspect(config, store, &token).await,
            Self::Revoke { account } => revoke(store, &account).await,
        }
    }
}

async fn revoke(store: &Store, account: &AccountName) -> Result<Answer, CliError> {
    let count = Accounts::new(store.clone()).revoke_tokens(account).await?;
    let text = format!("revoked all tokens of {account}, including {count} refresh tokens");
    let json = json!({ "account": account.as_str(), "refresh_tokens": count });
    Answer::new(text, &json)
}

async fn inspect(config: &Config, store: &Store, token: &Secret) -> Result<Answer, CliError> {
    let auth = key::open_auth(config, store).await?;
    let inspection = auth.tokens()?.inspect(token.expose()).await?;
    Answer::new(described(&inspection), &inspection)
}

fn described(inspection: &Inspection) -> String {
    let Inspection { kid, claims, validity } = inspection;
    let verdict =
        validity.reason().map_or_else(|| "yes".to_owned(), |reason| format!("no: {reason}"));
    let scopes: Vec<String> = claims
        .access
        .iter()
        .map(|entry| format!("{}:{}:{}", entry.kind, entry.name, entry.actions.join(",")))
        .collect();
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let lines = [
        ("believed", verdict),
        ("subject", or_dash(&claims.sub)),
        ("access", or_dash(&scopes.join(" "))),
        ("issued", moment(claims.iat)),
        ("expires", moment(claims.exp)),
        ("issuer", claims.iss.clone()),
        ("id", claims.jti.clone()),
        ("key", kid.clone()),
    ];
    lines.map(|(name, value)| format!("{name:9} {value}")).join("\n")
}

/// The text of a time in seconds since 1970. Times before 1970 and after the year 9999 stay numbers.
fn moment(seconds: i64) -> String {
    // RFC 3339 ends with the year 9999.
    let reachable = u64::try_from(seconds).ok().filter(|seconds| *seconds < 253_402_300_800);
    let at = reachable.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    at.map_or_else(|| seconds.to_string(), |at: SystemTime| Timestamp::from(at).to_string())
}
