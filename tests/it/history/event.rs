//! One call of a client.

/// What a client asked for. Blobs and manifests are named by their digests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    /// An upload or a mount.
    PushBlob {
        repository: String,
        blob: String,
    },
    ReadBlob {
        repository: String,
        blob: String,
    },
    DeleteBlob {
        repository: String,
        blob: String,
    },
    /// A manifest that needs these blobs, under a tag or by its digest only.
    PushManifest {
        repository: String,
        manifest: String,
        tag: Option<String>,
        blobs: Vec<String>,
    },
    ReadManifest {
        repository: String,
        manifest: String,
    },
    /// Takes all tags of the manifest with it.
    DeleteManifest {
        repository: String,
        manifest: String,
    },
    ReadTag {
        repository: String,
        tag: String,
    },
    DeleteTag {
        repository: String,
        tag: String,
    },
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A write was acknowledged.
    Done,
    /// A read returned these bytes, named by their own digest.
    Found(String),
    /// There was no such thing; for a manifest that was pushed, one of its blobs was unknown.
    Absent,
    /// The registry refused for another reason, and nothing changed.
    Refused,
    /// The connection broke, or the registry asked to come back. A write may have taken effect, now or later.
    Unknown,
    /// The answer itself breaks a promise.
    Broken(String),
}

/// A call, its outcome, and when it began and ended, in any unit.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) call: Call,
    pub(crate) outcome: Outcome,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Event {
    /// The time in which the call may have taken effect. It may do so long after its connection broke.
    pub(super) fn span(&self) -> Span {
        let end = if self.outcome == Outcome::Unknown { u64::MAX } else { self.end };
        Span { start: self.start, end }
    }

    /// Whether a write may have taken effect.
    pub(super) fn may_have_happened(&self) -> bool {
        matches!(self.outcome, Outcome::Done | Outcome::Unknown)
    }
}

/// A closed interval of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}
