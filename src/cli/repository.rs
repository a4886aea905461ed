//! `repo`: repositories, who may see them, and their removal.

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::answer::Answer;
use super::arguments::{given, noun, required, value, verb};
use super::error::CliError;
use crate::accounts::{Accounts, Visibility};
use crate::oci::RepositoryName;

/// An operation on repositories, with its arguments.
pub(super) enum Operation {
    List { prefix: Option<String> },
    Visibility { name: RepositoryName, visibility: Visibility },
    Remove { name: RepositoryName },
}

/// The command `repo` with its verbs.
pub(super) fn command() -> Command {
    let name = || required::<RepositoryName>("name", "NAME", "Name of the repository.");
    let prefix = Arg::new("prefix")
        .value_name("PREFIX")
        .help("List only repositories whose names begin with this.");
    let visibility = Arg::new("visibility").value_name("public|private").required(true);
    let visibility = visibility
        .value_parser(["public", "private"])
        .help("public: everyone may pull. private: only accounts with a grant may pull.");
    let remove = "Remove a repository with its tags; its content stays in storage";
    let verbs = [
        verb("list", "List repositories with their visibility, tags and size").arg(prefix),
        verb("visibility", "Make a repository public or private; it need not exist yet")
            .arg(name())
            .arg(visibility),
        verb("remove", remove).arg(name()),
    ];
    noun("repo", "Manage repositories", verbs)
}

impl Operation {
    /// Reads the arguments.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        Ok(match verb {
            "list" => Self::List { prefix: given(arguments, "prefix") },
            "visibility" => {
                let visibility = match value::<String>(arguments, "visibility")?.as_str() {
                    "public" => Visibility::Public,
                    _ => Visibility::Private,
                };
                Self::Visibility { name: value(arguments, "name")?, visibility }
            }
            "remove" => Self::Remove { name: value(arguments, "name")? },
            _ => return Err(CliError::unknown("repo", verb)),
        })
    }

    pub(super) async fn run(self, accounts: &Accounts) -> Result<Answer, CliError> {
        let repositories = accounts.repositories();
        match self {
            Self::List { prefix } => {
                let found = repositories.list(prefix.as_deref()).await?;
                let rows = found.iter().map(|found| {
                    let (visibility, created) = (found.visibility.as_str(), found.created_at);
                    let (tags, size) = (found.tags.to_string(), found.size.to_string());
                    [found.name.clone(), visibility.to_owned(), tags, size, created.to_string()]
                });
                Answer::table(["NAME", "VISIBILITY", "TAGS", "BYTES", "CREATED"], rows, &found)
            }
            Self::Visibility { name, visibility } => {
                repositories.set_visibility(&name, visibility).await?;
                let visibility = visibility.as_str();
                let json = json!({ "name": name.as_str(), "visibility": visibility });
                Answer::new(format!("{name} is {visibility}"), &json)
            }
            Self::Remove { name } => {
                repositories.remove(&name).await?;
                Ok(Answer::done("removed", &name))
            }
        }
    }
}
