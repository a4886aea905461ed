//! An HTTP proxy in front of Kubo that breaks, delays or changes chosen calls. All others reach the real node.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use af_registry::config::ServerAddress;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1 as client;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What is done to a call.
#[derive(Clone)]
pub(crate) enum Meddling {
    /// It passes once this is true.
    Hold(watch::Receiver<bool>),
    /// The connection breaks after this many bytes of the request's body. The node sees nothing.
    CutRequest(usize),
    /// The connection breaks after this many bytes of the answer's body.
    CutAnswer(usize),
    /// The body of the answer becomes another one, and ends in order.
    Change(fn(Vec<u8>) -> Vec<u8>),
}

type Decide = dyn Fn(&str, &HeaderMap) -> Option<Meddling> + Send + Sync;

/// Starts a proxy in front of a listener of a node, and returns its address. `decide` sees the path and query of each call.
pub(crate) async fn meddle(
    target: &ServerAddress,
    decide: impl Fn(&str) -> Option<Meddling> + Send + Sync + 'static,
) -> ServerAddress {
    stand_before(target, Arc::new(move |call: &str, _: &HeaderMap| decide(call))).await
}

/// Starts a proxy that lets every call pass. `hear` sees the path and query of each, and its headers.
pub(crate) async fn overhear(
    target: &ServerAddress,
    hear: impl Fn(&str, &HeaderMap) + Send + Sync + 'static,
) -> ServerAddress {
    let decide = move |call: &str, headers: &HeaderMap| {
        hear(call, headers);
        None
    };
    stand_before(target, Arc::new(decide)).await
}

async fn stand_before(target: &ServerAddress, decide: Arc<Decide>) -> ServerAddress {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = target.port;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Dropping the socket of a broken call breaks the connection instead of ending it.
            let _ = stream.set_zero_linger();
            let decide = Arc::clone(&decide);
            let serve = service_fn(move |request| answer(target, Arc::clone(&decide), request));
            tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), serve));
        }
    });
    ServerAddress { https: false, host: "127.0.0.1".into(), port }
}

async fn answer(
    target: u16,
    decide: Arc<Decide>,
    request: Request<Incoming>,
) -> io::Result<Response<BoxBody<Bytes, io::Error>>> {
    let meddling = decide(&request.uri().to_string(), request.headers());
    let (head, mut body) = request.into_parts();
    let mut sent = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            sent.extend_from_slice(&data);
        }
        if matches!(meddling, Some(Meddling::CutRequest(most)) if sent.len() >= most) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
    if let Some(Meddling::Hold(mut released)) = meddling.clone() {
        let _ = released.wait_for(|released| *released).await;
    }
    let (mut head, body) = ask(target, Request::from_parts(head, sent)).await?.into_parts();
    let frames = match meddling {
        Some(Meddling::Change(change)) => {
            let changed = change(body);
            if head.headers.contains_key(CONTENT_LENGTH) {
                head.headers.insert(CONTENT_LENGTH, changed.len().into());
            }
            vec![Ok(changed.into())]
        }
        Some(Meddling::CutAnswer(most)) => {
            let kept = Bytes::from(body).slice(..most);
            vec![Ok(kept), Err(io::ErrorKind::ConnectionReset.into())]
        }
        _ => vec![Ok(body.into())],
    };
    Ok(Response::from_parts(head, Frames(frames.into()).boxed()))
}

/// Asks the real node.
pub(super) async fn ask(target: u16, request: Request<Vec<u8>>) -> io::Result<Response<Vec<u8>>> {
    let stream = TcpStream::connect(("127.0.0.1", target)).await?;
    let (mut sender, connection) =
        client::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    head.headers.remove(TRANSFER_ENCODING);
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    let body: BoxBody<Bytes, Infallible> = Full::new(Bytes::from(body)).boxed();
    let answer = sender.send_request(Request::from_parts(head, body)).await;
    let (mut head, body) = answer.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    head.headers.remove(TRANSFER_ENCODING);
    connection.abort();
    Ok(Response::from_parts(head, body.into()))
}

/// A body of frames that were made before.
struct Frames(VecDeque<io::Result<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop_front().map(|frame| frame.map(Frame::data)))
    }
}
