//! Three instances under faults, with clients that push, move, mount, pull and delete all the time. Afterwards the notes of
//! all clients are checked. `make chaos` runs it, for as long as `AF_REGISTRY_CHAOS_MINUTES` says.

mod caller;
mod collected;
mod faults;
mod worker;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::history::{Event, Outcome, check};
use crate::rig::client::Client;
use crate::rig::dice::Dice;
use crate::rig::fleet::Fleet;
use crate::rig::postgres::connect;
use crate::rig::whole::{ready, whole};
use caller::{Caller, Notes};
use worker::{Known, Worker};

const CLIENTS: usize = 6;
/// Length of a phase with faults. After each one everything is read and checked.
const PHASE: Duration = Duration::from_secs(30);
/// The part of the time after which no new phase begins.
const FAULTY: f64 = 0.7;

/// Kubo is collected every few seconds, and waits for no quiet moment.
const COLLECTING: [(&str, &str); 3] = [
    ("OPEN_REGISTRY_DFS_IPFS_GC", "true"),
    ("OPEN_REGISTRY_DFS_IPFS_GC_PERIOD", "5s"),
    ("OPEN_REGISTRY_DFS_IPFS_STORAGE_MAX", "1MiB"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes minutes; `make chaos` runs it"]
async fn three_instances_keep_every_promise_under_faults() {
    let minutes = std::env::var("AF_REGISTRY_CHAOS_MINUTES").unwrap_or_else(|_| "1".into());
    let time = Duration::from_secs_f64(60.0 * minutes.parse::<f64>().unwrap());
    let mut dice = Dice::new("chaos");
    let mut fleet = Fleet::start_with(3, &COLLECTING).await;
    let run = Run::new(&fleet);
    // The checks take the rest of the time.
    let (began, faulty) = (Instant::now(), time.mul_f64(FAULTY));
    while began.elapsed() < faulty {
        let phase = PHASE.min(faulty.saturating_sub(began.elapsed()));
        run.phase(&mut fleet, &mut dice, phase).await;
    }
    whole(fleet.client(), &fleet.database, &fleet.node).await;
    let history = run.notes.history();
    let done = history.iter().filter(|event| event.outcome != Outcome::Unknown).count();
    let collections = connect(&fleet.database).await;
    let collections = collections.query_one("SELECT epoch FROM collection", &[]).await.unwrap();
    let collections: i64 = collections.get(0);
    println!(
        "chaos: {} calls, {done} with an outcome, {collections} collections, no breach",
        history.len()
    );
}

/// What the phases of a run share.
struct Run {
    addresses: Arc<[std::net::SocketAddr]>,
    notes: Arc<Notes>,
    known: Arc<Mutex<Known>>,
}

impl Run {
    fn new(fleet: &Fleet) -> Self {
        let notes = Arc::new(Notes::new());
        Self { addresses: fleet.addresses().into(), notes, known: Arc::default() }
    }

    /// Lets clients work while faults happen, and then checks everything in peace.
    async fn phase(&self, fleet: &mut Fleet, dice: &mut Dice, time: Duration) {
        let stop = CancellationToken::new();
        let mut workers = JoinSet::new();
        for _ in 0..CLIENTS {
            let (mut worker, stop) = (self.worker(dice), stop.clone());
            workers.spawn(async move {
                while !stop.is_cancelled() {
                    worker.act().await;
                }
            });
        }
        faults::inject(fleet, dice, time).await;
        stop.cancel();
        while let Some(ended) = workers.join_next().await {
            ended.unwrap();
        }
        for addr in self.addresses.iter() {
            ready(Client { addr: *addr }).await;
        }
        let before = self.notes.history().len();
        self.worker(dice).read_all().await;
        let history = self.notes.history();
        let doubtful = history[before..].iter().find(|event| event.outcome == Outcome::Unknown);
        assert!(doubtful.is_none(), "not served in peace: {doubtful:?}");
        self.judge(&history, fleet);
    }

    fn worker(&self, dice: &mut Dice) -> Worker {
        let (notes, addresses) = (Arc::clone(&self.notes), Arc::clone(&self.addresses));
        let caller = Caller::new(dice.fork(), notes, addresses);
        Worker { caller, known: Arc::clone(&self.known) }
    }

    fn judge(&self, history: &[Event], fleet: &Fleet) {
        let breaches = check(history);
        if breaches.is_empty() {
            return;
        }
        let file =
            std::env::temp_dir().join(format!("af-registry-chaos-{}.txt", std::process::id()));
        let lines = history.iter().map(|event| format!("{event:?}\n"));
        let logs = fleet.instances.iter().flat_map(|instance| instance.server.log());
        let logs = logs.map(|line| format!("{line}\n"));
        let _ = std::fs::write(&file, lines.chain(logs).collect::<String>());
        let shown = &breaches[..breaches.len().min(10)];
        panic!("{} breaches, the history is in {}: {shown:#?}", breaches.len(), file.display());
    }
}
