//! A balancer of TCP connections: each goes to the next server that takes it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// Time in which a server must take a connection. After that the next one is tried.
const CONNECT: Duration = Duration::from_secs(1);
/// How often all servers are tried, and the pause before each time: for some seconds, as a client is used to wait.
const ROUNDS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Passes connections on, until the listener fails.
pub(crate) async fn balance(listener: TcpListener, servers: Vec<SocketAddr>) -> io::Error {
    let mut first = 0;
    loop {
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => return error,
        };
        let mut servers = servers.clone();
        let count = servers.len();
        servers.rotate_left(first % count);
        first += 1;
        tokio::spawn(carry(client, servers));
    }
}

/// Connects a client with the first of the servers that is there, until one of them ends the connection. A server that
/// dies breaks it.
async fn carry(mut client: TcpStream, servers: Vec<SocketAddr>) -> io::Result<()> {
    let mut server = reach(&servers).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn reach(servers: &[SocketAddr]) -> io::Result<TcpStream> {
    for _ in 0..ROUNDS {
        for server in servers {
            if let Ok(Ok(connection)) = timeout(CONNECT, TcpStream::connect(server)).await {
                return Ok(connection);
            }
        }
        sleep(PAUSE).await;
    }
    Err(io::ErrorKind::ConnectionRefused.into())
}
