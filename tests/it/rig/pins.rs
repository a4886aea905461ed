//! A fake Kubo that only implements `pin/rm`. The test decides how it answers.

use std::sync::{Arc, Mutex};

use af_registry::config::{self, ServerAddress};
use af_registry::ipfs::Kubo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Trouble,
    Never,
    /// The connection ends without an answer.
    Cut,
}

/// A running fake. It ends with the runtime of the test.
#[derive(Clone)]
pub(crate) struct Pins {
    port: u16,
    state: Arc<State>,
}

struct State {
    answer: Box<dyn Fn(&str) -> Answer + Send + Sync>,
    asked: Mutex<Vec<String>>,
    called: Notify,
}

impl Pins {
    /// Starts a fake that calls `answer` with the CID of each call.
    pub(crate) async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, called) = (Mutex::default(), Notify::new());
        let state = Arc::new(State { answer: Box::new(answer), asked, called });
        let pins = Self { port, state };
        let served = pins.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().serve(stream));
            }
        });
        pins
    }

    /// A client of this fake.
    pub(crate) fn client(&self) -> Kubo {
        let api = ServerAddress { https: false, host: "127.0.0.1".into(), port: self.port };
        Kubo::new(&config::Kubo::at(api)).unwrap()
    }

    /// The CIDs of all calls so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Waits for a call.
    pub(crate) async fn called(&self) {
        self.state.called.notified().await;
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(cids) = read_call(&mut stream).await {
            // As Kubo does, this stops at the first CID that fails.
            let mut answer = Answer::Done;
            for cid in cids {
                answer = (self.state.answer)(&cid);
                self.state.asked.lock().unwrap().push(cid);
                if answer != Answer::Done {
                    break;
                }
            }
            self.state.called.notify_one();
            let (status, body) = match answer {
                Answer::Done => ("200 OK", r#"{"Pins":[]}"#),
                Answer::Trouble => ("500 Internal Server Error", r#"{"Message":"disk on fire"}"#),
                Answer::Never => std::future::pending().await,
                Answer::Cut => return,
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            if stream.write_all((head + body).as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Reads the next call on a connection and returns its CIDs. `None` at the end of the connection.
async fn read_call(stream: &mut TcpStream) -> Option<Vec<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let arguments = head.split(['?', '&', ' ']);
    Some(
        arguments.filter_map(|argument| argument.strip_prefix("arg=")).map(str::to_owned).collect(),
    )
}
