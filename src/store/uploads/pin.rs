//! Claims of CIDs that are about to be pinned: the side of the pin protocol that sets a pin.
//!
//! Pins in Kubo are a set, not a count, and only the rows here tell who needs one. A pin is set and dropped under a claim,
//! which is a row of the table `unpins`. No transaction is open while Kubo works.
//!
//! - A row names a CID as pinned only under a [`Claim`]. The claim comes first, then the caller looks whether Kubo pins the
//!   CID and pins it if not, and the transaction that names the CID ends the claim. It fails if the claim was lost.
//! - The caller need not look if the claim is [the first](Claim::is_first) and nobody else uses the Kubo: pinning may drop
//!   a pin for a moment, but it is one that no row needs.
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
    first: bool,
}

impl Claim {
    /// How long a claim lasts. The calls to Kubo under it must end before.
    pub const LASTS: Duration = Duration::from_secs(10);

    /// The claimed CID.
    pub fn cid(&self) -> Cid {
        self.cid
    }

    /// Whether no row named the CID when it was claimed, and it was not in the queue. Then no row needs its pin, if it has
    /// one, before this claim ends.
    pub fn is_first(&self) -> bool {
        self.first
    }
}

impl Pins<'_> {
    /// Claims a CID. `None` while another claim of it has not ended.
    pub async fn claim(self, cid: &Cid) -> Result<Option<Claim>, StoreError> {
        let id = Uuid::new_v4();
        let (text, seconds) = (cid.to_string(), Claim::LASTS.as_secs_f64());
        let claimed = self.0.repeating(|| async {
            let lease = self.0.lease().await?;
            let claimed = async {
                let (claimed, named) = tokio::join!(
                    biased;
                    claim(&lease, &text, id, seconds),
                    named(&lease, &text),
                );
                Ok((claimed?, named?))
            };
            lease.run(claimed).await
        });
        let (Some(claimed), named) = claimed.await? else { return Ok(None) };
        let named = named.map_or(Ok(true), |row| row.try_get("named"))?;
        let first = claimed.try_get::<_, bool>("added")? && !named;
        Ok(Some(Claim { cid: *cid, id, first }))
    }

    /// Ends a claim whose CID no row came to name. The CID is due for unpinning then.
    pub async fn abandon(self, claim: Claim) -> Result<(), StoreError> {
        self.0.count(Query::PinAbandon, [&claim.cid.to_string(), &claim.id]).await.map(drop)
    }
}

async fn claim(
    connection: &Connection,
    cid: &str,
    claim: Uuid,
    seconds: f64,
) -> Result<Option<Row>, Error> {
    connection.row(Query::PinClaim, &[&cid, &claim, &seconds]).await
}

async fn named(connection: &Connection, cid: &str) -> Result<Option<Row>, Error> {
    connection.row(Query::PinNamed, &[&cid]).await
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
