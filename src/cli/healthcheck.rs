//! The probe of a container: asks the server on this machine whether it is ready, without a shell or curl.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::answer::{Answer, Form};
use super::arguments::verb;
use super::error::CliError;
use crate::config::{Config, Listen};

/// The name of the command.
pub(super) const NAME: &str = "healthcheck";

/// Time for the connection, and for each part of the answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Most bytes of an answer that are read.
const ANSWER: u64 = 16 << 10;

/// The command line of the probe.
pub(super) fn command() -> Command {
    let live = Arg::new("live").long("live").action(ArgAction::SetTrue).help(
        "Ask only whether the process answers, not whether it is ready: a restart repairs no partner.",
    );
    verb(NAME, "Ask the server on this machine whether it is ready (exit code 0) or not (1)")
        .arg(live)
}

/// Asks the server whose settings these are, on the port of its metrics: it speaks plain HTTP whatever clients need.
pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<ExitCode, CliError> {
    let path = if arguments.get_flag("live") { "/healthz" } else { "/readyz" };
    let address = address(&config.listen);
    let (status, text) = match ask(address, path) {
        Ok(answer) => answer,
        Err(error) => (0, format!("no answer from {address}: {error}")),
    };
    let healthy = status == 200;
    let code = u8::from(!healthy);
    let json = json!({ "healthy": healthy, "status": status, "answer": text });
    Answer::new(text, &json)?.with_code(code).write(Form::of(arguments))
}

/// Where a server that listens on every address can be reached from this machine.
fn address(listen: &Listen) -> SocketAddr {
    let host = match listen.metrics_host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, listen.metrics_port)
}

/// The status and the body of an answer.
fn ask(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn the_status_and_the_body_are_read() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let answer = thread::spawn(move || {
            let (mut client, _) = server.accept().unwrap();
            let mut asked = [0; 512];
            let length = client.read(&mut asked).unwrap();
            assert!(asked[..length].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            client.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n{}\n").unwrap();
        });
        assert_eq!(ask(address, "/readyz").unwrap(), (503, "{}".to_owned()));
        answer.join().unwrap();
        assert!(ask(address, "/readyz").is_err(), "nobody listens any more");
    }
}
