//! `gc`: what is needed no longer. Shows it, removes it, says why something stays, and brings back what was deleted.

mod explain;
mod run;
mod status;
mod undelete;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::answer::Answer;
use crate::cli::arguments::{given, noun, optional, required, value, verb};
use crate::cli::error::CliError;
use crate::config::{self, Config};
use crate::oci::{Digest, RepositoryName};
use crate::store::Store;

/// An operation on what is needed no longer, with its arguments.
pub(super) enum Operation {
    Status,
    Run { dry: bool, review: bool },
    Explain(Digest),
    Undelete { digest: Digest, repository: Option<RepositoryName> },
}

/// The command `gc` with its verbs.
pub(super) fn command() -> Command {
    let digest = |help| required::<Digest>("digest", "DIGEST", help);
    let dry = Arg::new("dry").long("dry-run").action(ArgAction::SetTrue);
    let review = Arg::new("review").long("review").action(ArgAction::SetTrue);
    let review = review.help("Only decide what goes, and leave the bytes to the server.");
    let repository = optional::<RepositoryName>(
        "repository",
        "NAME",
        "Bring it back into this repository only; otherwise into all that it was deleted from.",
    );
    let verbs = [
        verb("status", "Show what waits for its review, and when deletions are forgotten"),
        verb("run", "Remove what is needed no longer and whose time is over")
            .arg(dry.help("Show what would be removed, and change nothing."))
            .arg(review.conflicts_with("dry")),
        verb("explain", "Show everything that keeps a digest, and when it goes")
            .arg(digest("Digest of a blob or a manifest.")),
        verb("undelete", "Bring back a deleted manifest with its tags, or a deleted blob")
            .arg(digest("Digest of what was deleted."))
            .arg(repository.long("repository")),
    ];
    noun("gc", "Manage what is needed no longer", verbs)
}

impl Operation {
    /// Reads the arguments.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        Ok(match verb {
            "status" => Self::Status,
            "run" => {
                Self::Run { dry: arguments.get_flag("dry"), review: arguments.get_flag("review") }
            }
            "explain" => Self::Explain(value(arguments, "digest")?),
            "undelete" => Self::Undelete {
                digest: value(arguments, "digest")?,
                repository: given(arguments, "repository"),
            },
            _ => return Err(CliError::unknown("gc", verb)),
        })
    }

    /// Whether the operation talks to Kubo.
    pub(super) fn needs_kubo(&self) -> bool {
        matches!(self, Self::Run { dry: false, review: false })
    }

    pub(super) async fn run(
        self,
        config: &Config,
        store: &Store,
        kubo: Option<&config::Kubo>,
    ) -> Result<Answer, CliError> {
        match self {
            Self::Status => status::show(config, store).await,
            Self::Run { dry: true, .. } => run::foresee(config, store).await,
            Self::Run { review: true, .. } => run::review(config, store).await,
            Self::Run { .. } => run::all(config, store, kubo).await,
            Self::Explain(digest) => explain::show(config, store, &digest).await,
            Self::Undelete { digest, repository } => {
                undelete::restore(config, store, &digest, repository.as_ref()).await
            }
        }
    }
}
