//! Descriptors: what a manifest says about content it refers to.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Digest, is_well_formed, media_type};

/// A reference from a manifest to content (image specification, descriptor.md). Fields that the registry has no use
/// for are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Descriptor {
    /// Type of the content; empty when it was left out.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the content as text: it may be of an algorithm that this registry does not compute.
    pub digest: String,
    /// Size of the content in bytes.
    pub size: u64,
    /// Where else the content is to be had. Never fetched from here.
    #[serde(default)]
    pub urls: Option<Vec<String>>,
}

/// From an object only: what serde derives takes an array of the fields' values, too, which no client reads.
impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Descriptor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a descriptor")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Descriptor, A::Error> {
        Descriptor::deserialize(MapAccessDeserializer::new(fields))
    }
}

impl Descriptor {
    /// The digest, when content could be stored under it here. `None`: such content does not exist in this registry.
    pub fn storable_digest(&self) -> Option<Digest> {
        self.digest.parse().ok()
    }

    /// Whether the content may be absent: a non-distributable layer that says where to get it.
    pub fn is_loose(&self) -> bool {
        media_type::is_nondistributable(&self.media_type)
            && self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }

    /// What is wrong with it, if anything.
    pub(super) fn flaw(&self) -> Option<DescriptorFlaw> {
        if !is_well_formed(&self.digest) {
            return Some(DescriptorFlaw::Digest);
        }
        // A registered algorithm has its length and alphabet; an unknown one has no more than the grammar.
        if let Err(super::DigestError::Encoding(_)) = self.digest.parse::<Digest>() {
            return Some(DescriptorFlaw::Digest);
        }
        (i64::try_from(self.size).is_err()).then_some(DescriptorFlaw::Size)
    }
}

/// What can be wrong with a descriptor that parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DescriptorFlaw {
    /// The digest is not of the grammar.
    Digest,
    /// The size is beyond signed 64 bits.
    Size,
}
