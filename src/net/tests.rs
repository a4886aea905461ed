//! Connections over real sockets, from the side of the client.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;

pub(super) const HEADER_TIME: Duration = Duration::from_millis(500);
pub(super) const IDLE_TIME: Duration = Duration::from_millis(1200);

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) shutdown: Shutdown,
    pub(super) serving: JoinHandle<Drained>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

/// Permits for the answers of `/held`.
pub(super) static RELEASED: Semaphore = Semaphore::const_new(0);
/// A permit for each request to `/held` that has come.
pub(super) static HELD: Semaphore = Semaphore::const_new(0);

/// `/slow` takes half a second, `/never` has no answer, `/held` logs in and waits for [`RELEASED`], `/large` answers 8
/// MiB, `/refuse` answers 401 without reading the body. Any other path answers with the length of the body.
fn answer(request: Request<Received>) -> Answer {
    assert!(request.extensions().get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback()));
    Box::pin(async move {
        let path = request.uri().path().to_owned();
        let mut response = Response::new(Full::default());
        match path.as_str() {
            "/refuse" => *response.status_mut() = StatusCode::UNAUTHORIZED,
            "/never" => pending().await,
            "/held" => {
                request.extensions().get::<Standing>().unwrap().logged_in();
                HELD.add_permits(1);
                RELEASED.acquire().await.unwrap().forget();
                *response.body_mut() = "0 bytes".into();
            }
            "/large" => *response.body_mut() = Bytes::from(vec![b'x'; 8 << 20]).into(),
            _ => {
                if path == "/slow" {
                    sleep(Duration::from_millis(500)).await;
                }
                let size = request.into_body().collect().await.map_or(0, |b| b.to_bytes().len());
                *response.body_mut() = format!("{size} bytes").into();
            }
        }
        Ok(response)
    })
}

pub(super) fn start(connections: usize, drain: Duration) -> Server {
    let limits = ConnectionLimits {
        header_bytes: 64 * 1024,
        header_time: HEADER_TIME,
        idle_time: IDLE_TIME,
        connections,
        per_address: 1000,
        rate: 1024,
        handshake_time: HEADER_TIME,
    };
    start_with(limits, drain)
}

pub(super) fn start_with(limits: ConnectionLimits, drain: Duration) -> Server {
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.address();
    let shutdown = Shutdown::new(drain);
    let serving = tokio::spawn(serve(listener, limits, shutdown.clone(), service_fn(answer)));
    Server { address, shutdown, serving }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Reads until the server closes the connection. A reset is an error.
pub(super) async fn read_all(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = Vec::new();
    timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await.unwrap()?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Sends a request and reads the answer until it ends in `end`. The connection stays open.
pub(super) async fn ask(stream: &mut TcpStream, request: &str, end: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut buf = [0; 4096];
        let n = timeout(Duration::from_secs(5), stream.read(&mut buf)).await.unwrap().unwrap();
        assert!(n > 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&buf[..n]).unwrap());
    }
    text
}

pub(super) const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_silent_socket_is_closed_after_the_idle_time() {
    let server = start(8, Duration::ZERO);
    let began = Instant::now();
    let text = read_all(&mut server.connect().await).await.unwrap();
    assert_eq!(text, "");
    assert!(began.elapsed() >= IDLE_TIME, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_slow_head_gets_a_408_however_it_trickles() {
    let server = start(8, Duration::ZERO);
    let mut stream = server.connect().await;
    // Silence before the first byte does not count.
    sleep(HEADER_TIME + HEADER_TIME / 2).await;
    let began = Instant::now();
    for byte in GET.as_bytes().iter().take(5) {
        stream.write_all(&[*byte]).await.unwrap();
        sleep(HEADER_TIME / 8).await;
    }
    let text = read_all(&mut stream).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!(began.elapsed() >= HEADER_TIME && began.elapsed() < 3 * HEADER_TIME);
}

#[tokio::test]
async fn a_connection_is_kept_and_each_request_restarts_the_idle_time() {
    let server = start(8, Duration::ZERO);
    let mut stream = server.connect().await;
    for _ in 0..3 {
        assert!(ask(&mut stream, GET, "0 bytes").await.starts_with("HTTP/1.1 200 "));
        sleep(IDLE_TIME * 2 / 3).await;
    }
    let began = Instant::now();
    assert_eq!(read_all(&mut stream).await.unwrap(), "");
    assert!(began.elapsed() < IDLE_TIME);
}

#[tokio::test]
async fn a_running_request_has_no_time_limit() {
    let server = start(8, Duration::ZERO);
    let mut stream = server.connect().await;
    let head = "PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3 {
        sleep(IDLE_TIME / 2).await;
        stream.write_all(b"x").await.unwrap();
    }
    assert!(ask(&mut stream, "x", "4 bytes").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = start(1, Duration::ZERO);
    let mut stuck = server.connect().await;
    stuck.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(IDLE_TIME * 2).await;
    // Its place, the only one, is free again.
    assert!(ask(&mut server.connect().await, GET, "0 bytes").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn one_connection_too_many_gets_a_503() {
    let server = start(1, Duration::ZERO);
    let mut first = server.connect().await;
    first.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let mut second = server.connect().await;
    second.write_all(GET.as_bytes()).await.unwrap();
    let text = read_all(&mut second).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("retry-after: 1\r\n"), "{text}");
    drop(first);
    sleep(Duration::from_millis(50)).await;
    ask(&mut server.connect().await, GET, "0 bytes").await;
}

#[tokio::test]
async fn garbage_and_oversized_heads_get_a_readable_answer() {
    let server = start(8, Duration::ZERO);
    let mut hello = server.connect().await;
    // The beginning of a TLS ClientHello. Clients built on containers/image try TLS first.
    hello.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03random").await.unwrap();
    let text = read_all(&mut hello).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    let mut large = server.connect().await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(300 * 1024));
    large.write_all(head.as_bytes()).await.unwrap();
    let text = read_all(&mut large).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
}

#[tokio::test]
async fn a_refused_upload_sees_the_reason_and_no_reset() {
    let server = start(8, Duration::ZERO);
    let mut stream = server.connect().await;
    let head = "PATCH /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 104857600\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // This client reads the answer only after it has sent the body. If there was a reset, writing would fail first.
    for _ in 0..12 {
        stream.write_all(&[0; 64 * 1024]).await.unwrap();
        sleep(Duration::from_millis(5)).await;
    }
    let text = read_all(&mut stream).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 401 "), "{text}");
}

#[tokio::test]
async fn a_shutdown_finishes_what_runs_and_accepts_nothing_new() {
    let server = start(8, Duration::from_secs(10));
    let mut idle = server.connect().await;
    ask(&mut idle, GET, "0 bytes").await;
    let mut head = server.connect().await;
    head.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut running = server.connect().await;
    running.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(100)).await;
    // This connection waits to be accepted when the shutdown begins; its request is on the wire.
    let mut crossing = server.connect().await;
    crossing.write_all(GET.as_bytes()).await.unwrap();
    server.shutdown.begin();
    head.write_all(b"host: x\r\n\r\n").await.unwrap();

    let text = read_all(&mut running).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("connection: close"), "{text}");
    for mut stream in [crossing, head] {
        let text = read_all(&mut stream).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    }
    assert_eq!(read_all(&mut idle).await.unwrap(), "");
    drop(idle);
    drop(running);
    assert_eq!(server.serving.await.unwrap(), Drained::Clean);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_shutdown_cuts_what_does_not_finish() {
    for by_hand in [false, true] {
        let drain = Duration::from_millis(if by_hand { 60_000 } else { 50 });
        let server = start(8, drain);
        let mut running = server.connect().await;
        running.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        sleep(Duration::from_millis(100)).await;
        server.shutdown.begin();
        if by_hand {
            server.shutdown.cut();
        }
        assert_eq!(server.serving.await.unwrap(), Drained::Cut(1));
        assert_eq!(read_all(&mut running).await.unwrap(), "");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = start(8, Duration::ZERO);
    let error = Listener::bind(server.address).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {}: ", server.address)), "{error}");
}
