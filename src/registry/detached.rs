//! Work that runs to its end even if its caller stops waiting.

use super::RegistryError;

/// Runs `work` in a task of its own and waits for its result.
///
/// When a client goes away, hyper drops the handler of its request. But a part that Kubo has stored must still get its
/// row, and an operation of several steps must not stop between two of them.
///
/// # Errors
/// Those of `work`, and [`RegistryError::Cut`] when it panics or the process stops.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, RegistryError>> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(RegistryError::Cut(error.to_string())),
    }
}
