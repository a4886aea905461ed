//! `grant`: roles of accounts in repositories.

use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use super::answer::Answer;
use super::arguments::{given, noun, optional, required, value, verb};
use super::error::AdminError;
use crate::accounts::AccountName;
use crate::rights::{Pattern, Role};
use crate::store::{Grant, Granted, Store};

/// What may be done with grants.
pub(super) enum Order {
    Add { account: AccountName, pattern: Pattern, role: Role },
    List { account: Option<AccountName> },
    Remove { account: AccountName, pattern: Pattern, role: Option<Role> },
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    let account = || required::<AccountName>("account", "ACCOUNT", "The user or robot.");
    let pattern = || {
        let help = "A repository, prefix/* for all below a prefix, or '*' for all.";
        required::<Pattern>("pattern", "PATTERN", help)
    };
    let role = "pull, push (and pull), delete (and pull), or admin: everything.";
    let of = "Only of this user or robot.";
    let taken = "The role to take; without it every role on exactly this pattern.";
    let verbs = [
        verb("add", "Give an account a role")
            .arg(account())
            .arg(pattern())
            .arg(required::<Role>("role", "ROLE", role)),
        verb("list", "List grants").arg(optional::<AccountName>("account", "ACCOUNT", of)),
        verb("remove", "Take a role away")
            .arg(account())
            .arg(pattern())
            .arg(optional::<Role>("role", "ROLE", taken)),
    ];
    noun("grant", "Manage who may do what", verbs)
}

impl Order {
    /// Reads what is asked for.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, AdminError> {
        if verb == "list" {
            return Ok(Self::List { account: given(arguments, "account") });
        }
        let (account, pattern) = (value(arguments, "account")?, value(arguments, "pattern")?);
        match verb {
            "add" => Ok(Self::Add { account, pattern, role: value(arguments, "role")? }),
            "remove" => Ok(Self::Remove { account, pattern, role: given(arguments, "role") }),
            _ => Err(AdminError::unknown("grant", verb)),
        }
    }

    /// Does it.
    pub(super) async fn obey(self, store: &Store) -> Result<Answer, AdminError> {
        match self {
            Self::Add { account, pattern, role } => {
                add(store, &account, &pattern, role).await?;
                let text = format!("{account} has the role {} on {pattern}", role.as_str());
                let grant = Grant { account: account.to_string(), pattern, role };
                Ok(Answer::new(text, shown(&grant)))
            }
            Self::List { account } => list(store, account).await,
            Self::Remove { account, pattern, role } => {
                if !store.revoke(account.as_str(), &pattern, role).await? {
                    return Err(AdminError::NoGrant { account, pattern });
                }
                let what = role.map_or("no role", Role::as_str);
                let text = match role {
                    Some(_) => format!("{account} has the role {what} on {pattern} no longer"),
                    None => format!("{account} has {what} on {pattern} any more"),
                };
                let json = json!({
                    "account": account.as_str(),
                    "pattern": pattern.as_str(),
                    "role": role.map(Role::as_str),
                });
                Ok(Answer::new(text, json))
            }
        }
    }
}

/// Gives an account a role.
pub(super) async fn add(
    store: &Store,
    account: &AccountName,
    pattern: &Pattern,
    role: Role,
) -> Result<(), AdminError> {
    match (store.grant(account.as_str(), pattern, role).await?, account.namespace()) {
        (Granted::Done, _) => Ok(()),
        (Granted::OutsideNamespace, Some(namespace)) => Err(AdminError::Outside {
            account: account.clone(),
            namespace: namespace.clone(),
            pattern: pattern.clone(),
        }),
        (Granted::NoAccount | Granted::OutsideNamespace, _) => {
            Err(AdminError::NoAccount(account.clone()))
        }
    }
}

async fn list(store: &Store, account: Option<AccountName>) -> Result<Answer, AdminError> {
    if let Some(name) = &account
        && store.account(name.as_str()).await?.is_none()
    {
        return Err(AdminError::NoAccount(name.clone()));
    }
    let grants = store.grants(account.as_ref().map(AccountName::as_str)).await?;
    let rows = grants.iter().map(|grant| {
        [grant.account.clone(), grant.pattern.to_string(), grant.role.as_str().to_owned()]
    });
    let json: Value = grants.iter().map(shown).collect();
    Ok(Answer::table(["ACCOUNT", "PATTERN", "ROLE"], rows, json))
}

fn shown(grant: &Grant) -> Value {
    json!({
        "account": grant.account,
        "pattern": grant.pattern.as_str(),
        "role": grant.role.as_str(),
    })
}
