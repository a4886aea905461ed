//! A request to Kubo, from an idle connection if there is one, and the head of its answer.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use tokio::time::timeout;

use super::answer::Answer;
use super::error::{IpfsError, broken_off};
use super::multipart::Outgoing;
use super::origin::{Connection, Origin};
use super::patience::patient;
use crate::outbound::Close;

/// Time for the first byte of an answer.
pub(super) const FIRST_BYTE: Duration = Duration::from_secs(10);

/// Sends the request that `request` makes and waits for the head of the answer, at most `first_byte` after the
/// connection is open. A request that an idle connection lost is sent again, so it must do no harm twice.
pub(super) async fn call(
    origin: &Arc<Origin>,
    name: &'static str,
    first_byte: Duration,
    request: impl Fn() -> Request<Outgoing>,
) -> Result<Answer, IpfsError> {
    let late = |_| IpfsError::Unavailable(format!("{name} got no answer in {first_byte:?}"));
    if let Some(mut connection) = origin.reuse(Close::Usual) {
        let head = connection.send(origin.address(request()));
        if let Ok(head) = timeout(first_byte, head).await.map_err(late)? {
            return Ok(Answer::new(name, head, connection, Arc::clone(origin)));
        }
    }
    let connection = origin.open(Close::Usual).await?;
    send(origin, name, first_byte, connection, request()).await
}

/// Sends a request as [`call`] does, on a connection whose end is a reset. It is sent again only if an idle connection was
/// closed before anything of it was sent, and waits for a Kubo that is gone only before it is sent.
pub(super) async fn call_once(
    origin: &Arc<Origin>,
    name: &'static str,
    first_byte: Duration,
    mut request: Request<Outgoing>,
) -> Result<Answer, IpfsError> {
    let late = |_| IpfsError::Unavailable(format!("{name} got no answer in {first_byte:?}"));
    if let Some(mut connection) = origin.reuse(Close::Reset) {
        let head = connection.try_send(origin.address(request));
        match timeout(first_byte, head).await.map_err(late)? {
            Ok(head) => return Ok(Answer::new(name, head, connection, Arc::clone(origin))),
            Err(mut error) => match error.take_message() {
                Some(unsent) => request = unsent,
                None => return Err(broken_off(name, &error.into_error())),
            },
        }
    }
    let connection = patient(origin, || origin.open(Close::Reset)).await?;
    send(origin, name, first_byte, connection, request).await
}

/// Sends a request on a connection of its own, as [`call`] does.
pub(super) async fn send(
    origin: &Arc<Origin>,
    name: &'static str,
    first_byte: Duration,
    mut connection: Connection,
    request: Request<Outgoing>,
) -> Result<Answer, IpfsError> {
    let head = connection.send(origin.address(request));
    let late = |_| IpfsError::Unavailable(format!("{name} got no answer in {first_byte:?}"));
    let head = timeout(first_byte, head).await.map_err(late)?;
    let head = head.map_err(|error| broken_off(name, &error))?;
    Ok(Answer::new(name, head, connection, Arc::clone(origin)))
}
