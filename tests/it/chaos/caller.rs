//! Calls of one client, which may reach any instance, and the notes that it takes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::RETRY_AFTER;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::history::{Call, Event, Outcome};
use crate::rig::client::{Answer, Client, full, request};
use crate::rig::dice::Dice;

/// A call that takes longer than this hangs, however busy the machine is and whatever was stopped for some seconds.
const HANG: Duration = Duration::from_secs(60);

/// What all clients of a run have done.
pub(super) struct Notes {
    began: Instant,
    events: Mutex<Vec<Event>>,
}

impl Notes {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), events: Mutex::default() }
    }

    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap()
    }

    /// Notes a call that began at `start` and ends now.
    pub(super) fn note(&self, call: Call, outcome: Outcome, start: u64) {
        let event = Event { call, outcome, start, end: self.now() };
        self.events.lock().unwrap().push(event);
    }

    pub(super) fn history(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

/// What came back.
pub(super) enum Reply {
    /// An answer that was read to its end, and is no 5xx.
    Answer(Answer),
    /// A cut connection, or a 503 that asks to come back.
    Nothing,
    /// What breaks a promise by itself.
    Broken(String),
}

/// One client.
pub(super) struct Caller {
    pub(super) dice: Dice,
    pub(super) notes: Arc<Notes>,
    addresses: Arc<[SocketAddr]>,
}

impl Caller {
    pub(super) fn new(dice: Dice, notes: Arc<Notes>, addresses: Arc<[SocketAddr]>) -> Self {
        Self { dice, notes, addresses }
    }

    /// Asks an instance that takes connections, any of them.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Reply {
        let first = self.dice.below(self.addresses.len());
        for n in 0..self.addresses.len() {
            let addr = self.addresses[(first + n) % self.addresses.len()];
            let Ok(Ok(stream)) = timeout(HANG, TcpStream::connect(addr)).await else { continue };
            let request = request(method, path, headers, full(body.clone()));
            let answer = timeout(HANG, Client { addr }.send_over(stream, request)).await;
            return match answer {
                Err(_) => Reply::Broken(format!("{method} {path} got no answer in {HANG:?}")),
                Ok(Err(_)) => Reply::Nothing,
                Ok(Ok(answer)) => sort(method, path, answer),
            };
        }
        Reply::Nothing
    }

    /// Asks, and notes what came of it.
    pub(super) async fn call(
        &mut self,
        call: Call,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
        outcome: impl FnOnce(&Answer) -> Outcome,
    ) -> Option<Answer> {
        let start = self.notes.now();
        let (outcome, answer) = match self.ask(method, path, headers, body).await {
            Reply::Answer(answer) => (outcome(&answer), Some(answer)),
            Reply::Nothing => (Outcome::Unknown, None),
            Reply::Broken(how) => (Outcome::Broken(how), None),
        };
        self.notes.note(call, outcome, start);
        answer
    }
}

fn sort(method: &str, path: &str, answer: Answer) -> Reply {
    if answer.status.is_server_error() {
        let asks_back = answer.status == 503 && answer.headers.contains_key(RETRY_AFTER);
        return match asks_back {
            true => Reply::Nothing,
            false => Reply::Broken(format!("{method} {path} got {answer:?}")),
        };
    }
    if answer.cut { Reply::Nothing } else { Reply::Answer(answer) }
}

/// An answer that nobody expects.
pub(super) fn odd(answer: &Answer) -> Outcome {
    Outcome::Broken(format!("it got {answer:?}"))
}
