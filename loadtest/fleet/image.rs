//! The images of the fleet, and the random bytes that their layers are made of.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use af_registry::oci::{Algorithm, Digest};
use af_registry::stream::hashing::Hasher;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use serde_json::json;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Bytes of one frame. Each begins with a mark of its own, so that no two blocks of all layers are equal.
const FRAME: usize = 256 << 10;

/// The name of an image. Its number decides its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) repository: String,
    pub(crate) tag: String,
    pub(crate) number: usize,
}

/// Random bytes, from which all layers are cut.
#[derive(Debug)]
pub(crate) struct Source {
    seed: u64,
    block: Bytes,
}

/// A blob that was pushed.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Image {
    pub(crate) fn config(&self) -> Bytes {
        let (repository, tag, number) = (&self.repository, &self.tag, self.number);
        json!({ "architecture": "amd64", "os": "linux", "config": { "Labels": {
            "repository": repository, "tag": tag, "number": number } },
            "rootfs": { "type": "layers", "diff_ids": [] } })
        .to_string()
        .into()
    }

    /// The manifest of the pushed config and layers.
    pub(crate) fn manifest(config: &Pushed, layers: &[Pushed]) -> Bytes {
        let blob = |media_type: &str, blob: &Pushed| json!({ "mediaType": media_type, "digest": blob.digest.as_str(), "size": blob.size });
        let layers: Vec<_> =
            layers.iter().map(|it| blob("application/vnd.oci.image.layer.v1.tar", it)).collect();
        json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
            "config": blob("application/vnd.oci.image.config.v1+json", config) })
        .to_string()
        .into()
    }
}

impl Source {
    /// Makes the bytes by xorshift, which neither compresses nor repeats.
    pub(crate) fn new(seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut block = BytesMut::with_capacity(8 * FRAME);
        while block.len() < 8 * FRAME {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        Self { seed, block: block.freeze() }
    }

    /// The body of layer `layer` of image `image`, and the hash of what was sent of it.
    pub(crate) fn layer(self: &Arc<Self>, image: usize, layer: usize, size: u64) -> (Layer, Sent) {
        let sent = Sent(Arc::new(Mutex::new(Some(Hasher::new(Algorithm::Sha256)))));
        let mark = [self.seed, image as u64, layer as u64];
        (Layer { source: Arc::clone(self), mark, size, at: 0, sent: sent.clone() }, sent)
    }
}

/// The hash of a body that is being sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent(Arc<Mutex<Option<Hasher>>>);

impl Sent {
    /// The digest of all bytes. `None` when asked twice.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.0.lock().ok()?.take().map(Hasher::finish)
    }
}

/// The body of a push, made while it is sent.
#[derive(Debug)]
pub(crate) struct Layer {
    source: Arc<Source>,
    mark: [u64; 3],
    size: u64,
    at: u64,
    sent: Sent,
}

impl Layer {
    fn frame(&mut self) -> Bytes {
        let size = usize::try_from(self.size - self.at).unwrap_or(FRAME).min(FRAME);
        let begin = (self.at as usize / FRAME % 8) * FRAME;
        let mut frame = BytesMut::from(&self.source.block[begin..begin + size]);
        let [seed, image, layer] = self.mark;
        let mark = [seed, image, layer, self.at].map(u64::to_le_bytes).concat();
        let marked = mark.len().min(size);
        frame[..marked].copy_from_slice(&mark[..marked]);
        self.at += size as u64;
        frame.freeze()
    }
}

impl Body for Layer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.at >= self.size {
            return Poll::Ready(None);
        }
        let frame = self.frame();
        if let Ok(mut sent) = self.sent.0.lock()
            && let Some(hasher) = sent.as_mut()
        {
            hasher.update(&frame);
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.size
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size - self.at)
    }
}
