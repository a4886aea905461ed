//! `gc undelete`: brings back what was deleted.

use serde_json::json;

use crate::cli::answer::Answer;
use crate::cli::error::CliError;
use crate::config::Config;
use crate::oci::{Digest, RepositoryName};
use crate::registry::upkeep::{Restored, undelete};
use crate::store::Store;

/// Brings a digest back into the repositories that it was deleted from, or into one of them.
pub(super) async fn restore(
    config: &Config,
    store: &Store,
    digest: &Digest,
    only: Option<&RepositoryName>,
) -> Result<Answer, CliError> {
    let (window, sparse) = (config.review.window, config.access.allow_sparse_index);
    let restored = undelete(store, digest, only, window, sparse)
        .await
        .map_err(|error| CliError::NotRestored(error.to_string()))?;
    if restored.is_empty() {
        return Err(CliError::NothingDeleted(digest.to_string()));
    }
    if let Some(lacking) = restored.iter().find(|back| !back.missing.is_empty()) {
        let (repository, missing) = (&lacking.repository, lacking.missing.join(", "));
        let reason = format!("{repository} no longer holds {missing}, which it names");
        return Err(CliError::NotRestored(reason));
    }
    let lines: Vec<String> = restored.iter().map(|back| line(digest, back)).collect();
    let json: Vec<_> = restored
        .iter()
        .map(|back| {
            json!({
                "repository": back.repository.as_str(),
                "kind": if back.manifest { "manifest" } else { "blob" },
                "digest": digest.as_str(),
                "tags": back.tags,
                "tags_in_use": back.kept_tags,
            })
        })
        .collect();
    Answer::new(lines.join("\n"), &json)
}

fn line(digest: &Digest, back: &Restored) -> String {
    let mut line = format!("{} holds {digest} again", back.repository);
    if !back.tags.is_empty() {
        line += &format!(", with the tags {}", back.tags.join(", "));
    }
    if !back.kept_tags.is_empty() {
        let tags = back.kept_tags.join(", ");
        line += &format!("; these tags point to something else by now and stay there: {tags}");
    }
    line
}
