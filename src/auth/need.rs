//! What a request needs before it is served.

use crate::oci::{RepositoryName, UploadId};
use crate::rights::Action;

/// What a request needs before it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: everyone may ask.
    Nothing,
    /// To have said who one is; a token for nobody in particular will do.
    Login,
    /// The list of repositories. It shows what the caller may pull, so it may be empty.
    Catalog,
    /// To do something in a repository.
    Repository(RepositoryNeed),
}

/// What a request needs in one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryNeed {
    /// Where.
    pub repository: RepositoryName,
    /// What.
    pub action: Action,
    /// What a token that ran out may still do.
    pub lenience: Lenience,
    /// Where a blob shall be read beside.
    pub source: Option<RepositoryName>,
}

/// What a token that ran out may still do. A client that streams a layer for longer than its token lives does not learn
/// of it before the layer is there, and cannot start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lenience {
    /// Nothing.
    None,
    /// Go on with an upload session of its subject.
    Upload(UploadId),
    /// Push the manifest of blobs that its subject has just completed.
    AfterPush,
}

impl Need {
    /// To do `action` in `repository`.
    pub fn of(action: Action, repository: &RepositoryName) -> Self {
        Self::with(action, repository, Lenience::None)
    }

    /// To do `action` in `repository`, with some lenience for a token that ran out.
    pub fn with(action: Action, repository: &RepositoryName, lenience: Lenience) -> Self {
        let repository = repository.clone();
        Self::Repository(RepositoryNeed { repository, action, lenience, source: None })
    }

    /// To link a blob into `target`, out of `source` or out of any repository that may be read.
    pub fn mount(target: &RepositoryName, source: Option<&RepositoryName>) -> Self {
        Self::Repository(RepositoryNeed {
            repository: target.clone(),
            action: Action::Push,
            lenience: Lenience::None,
            source: source.cloned(),
        })
    }

    /// The scope that a token must have, as the challenge names it; empty when any token will do.
    pub fn scope(&self) -> String {
        match self {
            Self::Nothing | Self::Login => String::new(),
            Self::Catalog => "registry:catalog:*".to_owned(),
            Self::Repository(need) => {
                let actions = match need.action {
                    Action::Pull => "pull",
                    Action::Push => "pull,push",
                    Action::Delete => "delete",
                };
                let scope = format!("repository:{}:{actions}", need.repository);
                match &need.source {
                    Some(source) => format!("{scope} repository:{source}:pull"),
                    None => scope,
                }
            }
        }
    }
}
