//! `token`: what was handed out to those who logged in.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::answer::Answer;
use super::arguments::{noun, required, value, verb};
use super::error::AdminError;
use crate::auth::AccountName;
use crate::store::Store;

/// What may be done with tokens.
pub(super) enum Order {
    Revoke { account: AccountName },
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    let account = required::<AccountName>("account", "ACCOUNT", "The user or robot.");
    let revoke = verb("revoke", "End all tokens of an account; its password or secret stays");
    noun("token", "Manage what was handed out to those who logged in", [revoke.arg(account)])
}

impl Order {
    /// Reads what is asked for.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, AdminError> {
        match verb {
            "revoke" => Ok(Self::Revoke { account: value(arguments, "account")? }),
            _ => Err(AdminError::unknown("token", verb)),
        }
    }

    /// Does it.
    pub(super) async fn obey(self, store: &Store) -> Result<Answer, AdminError> {
        match self {
            Self::Revoke { account } => revoke(store, account).await,
        }
    }
}

async fn revoke(store: &Store, account: AccountName) -> Result<Answer, AdminError> {
    // The revision ends them all, refresh tokens too; those are also marked, so that the rows tell.
    if !store.renew_revision(account.as_str()).await? {
        return Err(AdminError::NoAccount(account));
    }
    let count = store.revoke_refresh_tokens(account.as_str()).await?;
    let text = format!("revoked all tokens of {account}, {count} refresh tokens among them");
    let json = json!({ "account": account.as_str(), "refresh_tokens": count });
    Ok(Answer::new(text, json))
}
