//! Descriptors, by which a manifest refers to other content.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Digest, is_well_formed, media_type};

/// A reference from a manifest to content (image specification, descriptor.md). Fields that the registry does not use
/// are skipped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Descriptor {
    /// Media type of the content, or empty when the manifest leaves it out.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the content. It stays text because its algorithm may be one that this registry does not compute.
    pub digest: String,
    /// Size of the content in bytes.
    pub size: u64,
    /// Other places that offer the content. The registry never fetches from them.
    #[serde(default)]
    pub urls: Option<Vec<String>>,
}

/// Accepts only an object. The derived code would also accept an array of the fields' values, which no client can read.
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
    /// The digest, or `None` when this registry does not compute its algorithm and so cannot hold the content.
    pub fn storable_digest(&self) -> Option<Digest> {
        self.digest.parse().ok()
    }

    /// Whether the registry may lack the content: it is a non-distributable layer, and its `urls` say where to get it.
    pub fn is_loose(&self) -> bool {
        media_type::is_nondistributable(&self.media_type)
            && self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
    }

    /// The first flaw of the descriptor, if it has one.
    pub(super) fn flaw(&self) -> Option<DescriptorFlaw> {
        if !is_well_formed(&self.digest) {
            return Some(DescriptorFlaw::Digest);
        }
        // The length and alphabet are known for the registered algorithms only.
        if let Err(super::DigestError::Encoding(_)) = self.digest.parse::<Digest>() {
            return Some(DescriptorFlaw::Digest);
        }
        (i64::try_from(self.size).is_err()).then_some(DescriptorFlaw::Size)
    }
}

/// Flaws of a descriptor that is valid JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DescriptorFlaw {
    /// The digest is malformed.
    Digest,
    /// The size does not fit signed 64 bits.
    Size,
}
