//! What caused a failure, for the metrics.

use super::RegistryError;
use crate::ipfs::IpfsError;
use crate::store::StoreError;
use crate::telemetry::metrics::Cause;

impl RegistryError {
    /// The cause under which the metrics count it when the request itself is not to blame.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Store(StoreError::Unavailable(_)) => Cause::PostgresUnavailable,
            Self::Store(StoreError::Conflict(_)) => Cause::PostgresConflict,
            Self::Store(_) => Cause::Postgres,
            Self::Ipfs(IpfsError::Gone(_)) => Cause::KuboGone,
            Self::Ipfs(IpfsError::Unavailable(_)) => Cause::KuboUnavailable,
            Self::Ipfs(IpfsError::Missing(_)) => Cause::KuboMissing,
            Self::Ipfs(IpfsError::Refused { .. }) => Cause::KuboRefused,
            Self::Ipfs(IpfsError::Broken(_)) => Cause::KuboBroken,
            Self::Overloaded => Cause::Overloaded,
            Self::Quarantined(_) => Cause::Quarantined,
            Self::Cut(_) => Cause::Cut,
            _ => Cause::Other,
        }
    }
}
