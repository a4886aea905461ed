//! Claims of CIDs that are about to be pinned: the side of the pin protocol that sets a pin.
//!
//! Pins in Kubo are a set, not a count, and only the rows here tell who needs one. A pin is set and dropped under a claim,
//! which is a row of the table `unpins`. No transaction is open while Kubo works.
//!
//! - A row names a CID as pinned only under a [`Claim`]. The claim comes first, then the caller looks whether Kubo pins the
//!   CID and pins it if not, and the transaction that names the CID ends the claim. It fails if the claim was lost.
//! - A pin is dropped only under a claim of the [queue](super::unpin), of a CID that no row names.
//! - A claim ends by itself, so that an instance that dies holds up nobody for long. A CID that was claimed and that no row
//!   came to name stays in the queue, and is unpinned.

use std::time::Duration;

use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::ipld::Cid;
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The pins that rows need.
#[derive(Clone, Copy, Debug)]
pub struct Pins<'s>(pub(crate) &'s Database);

/// The right to pin a CID and to let a row name it. It ends after [`Claim::LASTS`], and then another claim may take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Claim {
    pub(super) cid: Cid,
    pub(super) id: Uuid,
}

impl Claim {
    /// How long a claim lasts. The calls to Kubo under it must end before.
    pub const LASTS: Duration = Duration::from_secs(10);

    /// The claimed CID.
    pub fn cid(&self) -> Cid {
        self.cid
    }
}

impl Pins<'_> {
    /// Claims a CID. `None` while another claim of it has not ended.
    pub async fn claim(self, cid: &Cid) -> Result<Option<Claim>, StoreError> {
        let claim = Claim { cid: *cid, id: Uuid::new_v4() };
        let (text, seconds) = (cid.to_string(), Claim::LASTS.as_secs_f64());
        let claimed = self.0.repeating(|| async {
            let lease = self.0.lease().await?;
            lease.run(lease.count(Query::PinClaim, &[&text, &claim.id, &seconds])).await
        });
        Ok((claimed.await? > 0).then_some(claim))
    }

    /// Ends a claim whose CID no row came to name. The CID is due for unpinning then.
    pub async fn abandon(self, claim: Claim) -> Result<(), StoreError> {
        self.0.count(Query::PinAbandon, [&claim.cid.to_string(), &claim.id]).await.map(drop)
    }
}

/// Locks the row of a claim. Returns no row when the claim was lost.
pub(super) async fn hold(
    connection: &Connection,
    cid: &str,
    claim: Option<Uuid>,
) -> Result<Option<Row>, Error> {
    match claim {
        Some(claim) => connection.row(Query::PinHold, &[&cid, &claim]).await,
        None => Ok(None),
    }
}

/// Ends a claim in the transaction that lets a row name the CID.
pub(super) async fn keep(
    connection: &Connection,
    cid: &str,
    claim: Option<Uuid>,
) -> Result<u64, Error> {
    match claim {
        Some(claim) => connection.count(Query::PinKeep, &[&cid, &claim]).await,
        None => Ok(0),
    }
}
