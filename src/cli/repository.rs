//! `repo`: repositories, who may see them, and their end.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::answer::{Answer, time};
use super::arguments::{given, noun, required, value, verb};
use super::error::AdminError;
use crate::oci::RepositoryName;
use crate::store::{RepositorySummary, Store};

/// What may be done with repositories.
pub(super) enum Order {
    List { prefix: Option<String> },
    Visibility { name: RepositoryName, public: bool },
    Remove { name: RepositoryName },
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    let name = || required::<RepositoryName>("name", "NAME", "The repository.");
    let prefix = Arg::new("prefix").value_name("PREFIX").help("Only names that begin so.");
    let visibility = Arg::new("visibility").value_name("public|private").required(true);
    let visibility = visibility
        .value_parser(["public", "private"])
        .help("Whether everybody may pull, or only who holds a grant.");
    let remove = "Remove a repository with its tags; what no other holds is not freed yet";
    let verbs = [
        verb("list", "List repositories with what they hold").arg(prefix),
        verb("visibility", "Make a repository, there or to come, public or private")
            .arg(name())
            .arg(visibility),
        verb("remove", remove).arg(name()),
    ];
    noun("repo", "Manage repositories", verbs)
}

impl Order {
    /// Reads what is asked for.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, AdminError> {
        Ok(match verb {
            "list" => Self::List { prefix: given(arguments, "prefix") },
            "visibility" => {
                let public = value::<String>(arguments, "visibility")? == "public";
                Self::Visibility { name: value(arguments, "name")?, public }
            }
            "remove" => Self::Remove { name: value(arguments, "name")? },
            _ => return Err(AdminError::unknown("repo", verb)),
        })
    }

    /// Does it.
    pub(super) async fn obey(self, store: &Store) -> Result<Answer, AdminError> {
        match self {
            Self::List { prefix } => list(store, prefix.as_deref()).await,
            Self::Visibility { name, public } => {
                store.set_public(&name, public).await?;
                let visibility = visibility(public);
                let json = json!({ "name": name.as_str(), "visibility": visibility });
                Ok(Answer::new(format!("{name} is {visibility}"), json))
            }
            Self::Remove { name } => match store.remove_repository(&name).await? {
                true => {
                    let json = json!({ "name": name.as_str(), "done": "removed" });
                    Ok(Answer::new(format!("removed {name}"), json))
                }
                false => Err(AdminError::NoRepository(name)),
            },
        }
    }
}

async fn list(store: &Store, prefix: Option<&str>) -> Result<Answer, AdminError> {
    let found = store.repositories(prefix).await?;
    let rows = found.iter().map(|repository| {
        let RepositorySummary { name, public, tags, size, created_at } = repository;
        let (visibility, created) = (visibility(*public).to_owned(), time(*created_at));
        [name.to_string(), visibility, tags.to_string(), size.to_string(), created]
    });
    let json: Value = found.iter().map(shown).collect();
    Ok(Answer::table(["NAME", "VISIBILITY", "TAGS", "BYTES", "CREATED"], rows, json))
}

fn shown(repository: &RepositorySummary) -> Value {
    json!({
        "name": repository.name.as_str(),
        "visibility": visibility(repository.public),
        "tags": repository.tags,
        "size": repository.size,
        "created_at": time(repository.created_at),
    })
}

fn visibility(public: bool) -> &'static str {
    if public { "public" } else { "private" }
}
