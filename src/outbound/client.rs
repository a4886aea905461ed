//! Small requests to any `https://` address, each answered whole.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Request, Response, Uri};
use tokio::time::timeout;

use super::connection::{Close, Connection, Outgoing};
use super::error::OutboundError;
use super::reach::Reach;
use super::server::Server;
use super::tls::ClientTls;
use crate::config::ServerAddress;
use crate::stream::gather::{GatherError, gather};

/// Time for a connection to be made, the name looked up included, and as much again for TLS.
const CONNECT: Duration = Duration::from_secs(10);

/// Sends requests to the servers that their addresses name. Connections are kept for the next request.
///
/// Speaks `https` only and follows no redirect.
pub struct Client<B> {
    tls: ClientTls,
    reach: Reach,
    answer_time: Duration,
    answer_bytes: usize,
    servers: Mutex<HashMap<ServerAddress, Arc<Server<B>>>>,
}

impl<B: Outgoing> Client<B> {
    /// Bounds each answer, from the request to its last byte, by `answer_time` and `answer_bytes`.
    pub fn new(tls: ClientTls, reach: Reach, answer_time: Duration, answer_bytes: usize) -> Self {
        Self { tls, reach, answer_time, answer_bytes, servers: Mutex::default() }
    }

    /// Sends a request whose address is absolute, and reads the whole answer, of any status.
    pub async fn request(&self, mut request: Request<B>) -> Result<Response<Bytes>, OutboundError> {
        let address = direct(&mut request)?;
        let server = self.server(&address);
        let late = |_| OutboundError::Late(address.clone());
        timeout(self.answer_time, self.exchange(&server, request)).await.map_err(late)?
    }

    fn server(&self, address: &ServerAddress) -> Arc<Server<B>> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let server = servers.entry(address.clone()).or_insert_with(|| {
            let (tls, reach) = (self.tls.clone(), self.reach.clone());
            Arc::new(Server::new(address.clone(), tls, reach, CONNECT))
        });
        Arc::clone(server)
    }

    async fn exchange(
        &self,
        server: &Server<B>,
        request: Request<B>,
    ) -> Result<Response<Bytes>, OutboundError> {
        let address = server.address();
        let failed = |source| OutboundError::Http { address: address.clone(), source };
        let (response, connection) = send(server, request).await?;
        let (head, body) = response.into_parts();
        let body = gather(pin!(body), self.answer_bytes).await.map_err(|error| match error {
            GatherError::Failed(error) => failed(error),
            GatherError::TooLong(most) => OutboundError::TooLong(address.clone(), most),
        })?;
        server.keep(connection);
        Ok(Response::from_parts(head, body))
    }
}

/// Sends a request on an idle connection, or on a new one. A request is repeated only when an idle connection was
/// closed before anything of it was sent.
async fn send<B: Outgoing>(
    server: &Server<B>,
    mut request: Request<B>,
) -> Result<(Response<Incoming>, Connection<B>), OutboundError> {
    let failed = |source| OutboundError::Http { address: server.address().clone(), source };
    if let Some(mut connection) = server.reuse(Close::Usual) {
        match connection.try_send(request).await {
            Ok(response) => return Ok((response, connection)),
            Err(mut error) => match error.take_message() {
                Some(unsent) => request = unsent,
                None => return Err(failed(error.into_error())),
            },
        }
    }
    let mut connection = server.open(Close::Usual).await?;
    let response = connection.send(request).await.map_err(failed)?;
    Ok((response, connection))
}

/// Takes the server out of the address of a request and names it in `Host` instead, as HTTP/1 has it.
fn direct<B>(request: &mut Request<B>) -> Result<ServerAddress, OutboundError> {
    let wrong = || OutboundError::Address(request.uri().to_string());
    let uri = request.uri();
    let https = uri.scheme() == Some(&Scheme::HTTPS);
    let authority = uri.authority().filter(|_| https).ok_or_else(wrong)?;
    let address = server_address(authority).ok_or_else(wrong)?;
    let host = HeaderValue::try_from(authority.as_str()).map_err(|_| wrong())?;
    let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    request.headers_mut().insert(HOST, host);
    Ok(address)
}

fn server_address(authority: &Authority) -> Option<ServerAddress> {
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = match authority.port() {
        Some(_) => authority.port_u16().filter(|port| *port != 0)?,
        None => 443,
    };
    let named = !bare.is_empty() && !authority.as_str().contains('@');
    named.then(|| ServerAddress { https: true, host: bare.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers one request on each connection and closes it.
    async fn answering(body: &'static str) -> Server<Empty<Bytes>> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let address = ServerAddress { https: false, host: "127.0.0.1".into(), port };
        Server::new(address, ClientTls::default(), Reach::Anywhere, CONNECT)
    }

    #[tokio::test]
    async fn an_answer_of_any_status_is_read_whole_within_its_bound() {
        let client = Client::new(ClientTls::default(), Reach::Anywhere, CONNECT, 5);
        for (body, fits) in [("", true), ("hello", true), ("hello!", false)] {
            let server = answering(body).await;
            // The second request needs a new connection, because the server has closed the first one.
            for _ in 0..2 {
                let request = Request::new(Empty::<Bytes>::new());
                match client.exchange(&server, request).await {
                    Ok(answer) => assert!(fits && answer.body() == body && answer.status() == 404),
                    Err(OutboundError::TooLong(..)) => assert!(!fits),
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    fn directed(uri: &str) -> Option<(String, String, String)> {
        let mut request = Request::builder().uri(uri).body(Empty::<Bytes>::new()).unwrap();
        let address = direct(&mut request).ok()?;
        let host = request.headers()[HOST].to_str().unwrap().to_owned();
        Some((address.to_string(), host, request.uri().to_string()))
    }

    #[test]
    fn the_server_moves_from_the_address_to_the_host_header() {
        for (uri, address, host, path) in [
            ("https://ca.example/dir", "https://ca.example:443", "ca.example", "/dir"),
            (
                "https://ca.example:14000/a?b=c",
                "https://ca.example:14000",
                "ca.example:14000",
                "/a?b=c",
            ),
            ("https://[::1]:8443", "https://[::1]:8443", "[::1]:8443", "/"),
        ] {
            assert_eq!(directed(uri), Some((address.into(), host.into(), path.into())), "{uri}");
        }
        for uri in
            ["http://ca.example/dir", "/dir", "https://me@ca.example/", "https://ca.example:0/"]
        {
            assert_eq!(directed(uri), None, "{uri}");
        }
    }
}
