//! Calls that are made again while Kubo is gone.

use tokio::time::Instant;

use super::error::IpfsError;
use super::origin::Origin;
use crate::outbound::AWAY;

/// Makes a call, and makes it again while Kubo is gone, for at most [`AWAY`] in all. The call must do no harm twice.
pub(super) async fn patient<T, F>(
    origin: &Origin,
    mut call: impl FnMut() -> F,
) -> Result<T, IpfsError>
where
    F: Future<Output = Result<T, IpfsError>>,
{
    let mut patience = origin.waiting().until(Instant::now() + AWAY);
    loop {
        match call().await {
            Err(gone @ IpfsError::Gone(_)) => {
                if !patience.again().await {
                    return Err(gone);
                }
            }
            result => return result,
        }
    }
}
