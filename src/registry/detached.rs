//! Work that ends even if its caller stops waiting.

use super::RegistryError;

/// Runs `work` in a task of its own and waits for its result.
///
/// When a client goes away, hyper drops the handler of its request. A part that Kubo has stored must get its row all
/// the same, and an operation of several steps must not stop between two of them.
///
/// # Errors
/// Those of `work`; [`RegistryError::Cut`] when it panicked or the process is stopping.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, RegistryError>> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(RegistryError::Cut(error.to_string())),
    }
}
