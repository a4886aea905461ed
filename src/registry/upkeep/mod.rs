//! The background jobs of the registry. Each file is a [`Job`](crate::jobs::Job), and works over the connections of jobs
//! ([`Store::for_jobs`](crate::store::Store::for_jobs)).

mod collect;
mod count_content;
mod drop_pins;
mod expire_uploads;
mod find_untagged;
mod follow_collections;
mod forget_expired;
mod remove_empty;
mod review;
mod scrub;
mod undelete;
mod watch_partners;

pub use collect::{Collect, CollectSettings};
pub use count_content::CountContent;
pub use drop_pins::DropPins;
pub use expire_uploads::ExpireUploads;
pub use find_untagged::FindUntagged;
pub use follow_collections::FollowCollections;
pub use forget_expired::ForgetExpired;
pub use remove_empty::RemoveEmpty;
pub use review::{Review, ReviewProgress, judge, of as policy_facts};
pub use scrub::{Scrub, ScrubSettings, ScrubTally};
pub use undelete::{Restored, undelete};
pub use watch_partners::WatchPartners;

use super::Registry;

impl Registry {
    /// The job that ends idle uploads.
    pub fn expire_uploads(&self) -> ExpireUploads {
        let idle = self.limits().upload_idle;
        ExpireUploads::new(self.store().for_jobs(), idle, self.pins().clone())
    }

    /// The job that drops pins.
    pub fn drop_pins(&self) -> DropPins {
        DropPins::new(self.store().for_jobs(), self.ipfs().clone(), self.pins().clone())
    }

    /// The job that compares pins with rows and removes garbage from Kubo.
    pub fn collect(&self, settings: CollectSettings) -> Collect {
        Collect::new(self.clone(), settings)
    }

    /// The job that looks whether a collection is under way.
    pub fn follow_collections(&self) -> FollowCollections {
        FollowCollections::new(self.clone())
    }

    /// The job that counts pins, blocks and damaged blobs.
    pub fn count_content(&self) -> CountContent {
        CountContent::new(self.clone())
    }

    /// The job that measures the partners.
    pub fn watch_partners(&self) -> WatchPartners {
        WatchPartners::new(self.clone())
    }

    /// The job that removes empty repositories.
    pub fn remove_empty(&self) -> RemoveEmpty {
        RemoveEmpty::new(self.store().for_jobs())
    }

    /// The job that compares stored bytes with their digests.
    pub fn scrub(&self, settings: ScrubSettings) -> Scrub {
        Scrub::new(self.clone(), settings)
    }

    /// The job that removes what is needed no longer.
    pub fn review(&self) -> Review {
        Review::new(self.store().for_jobs(), self.limits().ends.clone(), self.pins().clone())
    }

    /// The job that finds untagged manifests for it.
    pub fn find_untagged(&self) -> FindUntagged {
        FindUntagged::new(self.store().for_jobs(), self.limits().ends.clone())
    }

    /// The job that removes rows that count for nothing any more.
    pub fn forget_expired(&self) -> ForgetExpired {
        ForgetExpired::new(self.store().for_jobs(), self.limits().ends.refresh_token_life)
    }
}
