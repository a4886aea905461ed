//! Background jobs: turns between instances, back-off, nudges, and the end of a run.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use af_registry::ipld::{Cid, Codec};
use af_registry::jobs::{Done, Job, JobError, Jobs, Nudge, Scope, Turn, run_now};
use af_registry::registry::upkeep::DropPins;
use af_registry::store::{JobOutcome, JobTurn, Store};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::rig;
use crate::rig::pins::{Answer, Pins};
use crate::rig::server::{Builder, Server, builder};

/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(30);

const HOUR: Duration = Duration::from_secs(3600);

/// A job that counts its runs, and how many of them overlapped with another run.
#[derive(Clone)]
struct Counting {
    period: Duration,
    fails: Arc<AtomicBool>,
    running: Arc<AtomicU32>,
    runs: Arc<AtomicU32>,
    met: Arc<AtomicU32>,
    nudge: Nudge,
    ran: Arc<Notify>,
}

impl Counting {
    fn new(period: Duration) -> Self {
        Self {
            period,
            fails: Arc::default(),
            running: Arc::default(),
            runs: Arc::default(),
            met: Arc::default(),
            nudge: Nudge::default(),
            ran: Arc::default(),
        }
    }

    /// Waits until it has run this often.
    async fn has_run(&self, runs: u32) {
        let ran = async {
            while self.runs.load(Ordering::SeqCst) < runs {
                self.ran.notified().await;
            }
        };
        timeout(PATIENCE, ran).await.expect("the job does not run");
    }
}

impl Job for Counting {
    const NAME: &'static str = "counting";
    const FAILED: &'static str = "counting_failed";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        self.period
    }

    async fn run(&self, _: &CancellationToken) -> Result<Done, JobError> {
        if self.running.fetch_add(1, Ordering::SeqCst) > 0 {
            self.met.fetch_add(1, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.ran.notify_one();
        if self.fails.load(Ordering::SeqCst) {
            return Err(JobError::new("as the test wants"));
        }
        Ok(Done { items: 1 })
    }

    async fn nudged(&self) {
        self.nudge.woken().await;
    }
}

/// A job that does not return when it is told to.
struct Deaf(Arc<Notify>);

impl Job for Deaf {
    const NAME: &'static str = "deaf";
    const FAILED: &'static str = "deaf_failed";
    const SCOPE: Scope = Scope::Process;

    fn period(&self) -> Duration {
        HOUR
    }

    async fn run(&self, _: &CancellationToken) -> Result<Done, JobError> {
        self.0.notify_one();
        std::future::pending().await
    }
}

fn cid(n: u64) -> Cid {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    Cid::new(Codec::DagPb, hash)
}

/// Puts CIDs into the queue of pins.
async fn queue(database: &rig::Database, numbers: impl IntoIterator<Item = u64>) {
    for n in numbers {
        let insert = "INSERT INTO unpins (ipfs_cid) VALUES ($1)";
        database.admin.execute(insert, &[&cid(n).to_string()]).await.unwrap();
    }
}

/// The CIDs that still wait in the queue.
async fn queued(database: &rig::Database) -> Vec<String> {
    let select = "SELECT ipfs_cid FROM unpins WHERE done_at IS NULL ORDER BY ipfs_cid";
    let rows = database.admin.query(select, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn stop(jobs: Jobs) {
    timeout(PATIENCE, jobs.stop()).await.expect("the jobs do not stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_job_runs_on_one_instance_at_a_time() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let job = Counting::new(Duration::from_millis(10));
    let (mut left, mut right) =
        (Jobs::new(store.clone()), Jobs::new(Store::connect(&settings).await.unwrap()));
    left.start(job.clone());
    right.start(job.clone());
    job.has_run(20).await;
    stop(left).await;
    // The other instance goes on alone.
    job.has_run(job.runs.load(Ordering::SeqCst) + 5).await;
    stop(right).await;
    assert_eq!(job.met.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_nudge_wakes_a_job_before_its_period_is_over() {
    let store = rig::database().await.store;
    let job = Counting::new(HOUR);
    let mut jobs = Jobs::new(store);
    jobs.start(job.clone());
    job.has_run(1).await;
    job.nudge.wake();
    job.has_run(2).await;
    stop(jobs).await;
}

#[tokio::test]
async fn failures_back_off_and_a_success_ends_that() {
    let store = rig::database().await.store;
    let job = Counting::new(HOUR);
    job.fails.store(true, Ordering::SeqCst);
    for (failures, hours) in [(1, 2), (2, 4), (3, 8), (4, 10), (5, 10)] {
        assert!(
            matches!(run_now(&job, &store).await.unwrap(), Turn::Had(run) if run.result.is_err())
        );
        let record = store.jobs().list().await.unwrap().remove(0);
        assert_eq!((record.name.as_str(), record.failures), ("counting", failures));
        let last = record.last.unwrap();
        assert_eq!(last.outcome, JobOutcome::Failed);
        assert_eq!(last.error.as_deref(), Some("as the test wants"));
        let wait = record.next_run_at.duration_since(SystemTime::now()).unwrap();
        assert!(wait > HOUR * hours * 8 / 10 && wait < HOUR * hours * 12 / 10, "{wait:?}");
    }
    // No other instance runs it meanwhile.
    let turn = store.jobs().claim("counting", Uuid::new_v4(), HOUR, false).await.unwrap();
    assert!(matches!(turn, JobTurn::Wait(wait) if wait > HOUR), "{turn:?}");

    job.fails.store(false, Ordering::SeqCst);
    run_now(&job, &store).await.unwrap();
    let record = store.jobs().list().await.unwrap().remove(0);
    assert_eq!((record.failures, record.running), (0, false));
    assert_eq!(record.last.unwrap().outcome, JobOutcome::Ok);
}

#[tokio::test]
async fn an_instance_that_died_loses_its_turn() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let job = Counting::new(HOUR);
    let (dead, lease) = (Uuid::new_v4(), Duration::from_secs(60));
    let turn = store.jobs().claim("counting", dead, lease, true).await.unwrap();
    assert_eq!(turn, JobTurn::Taken { failures: 0 });
    assert!(matches!(run_now(&job, &store).await.unwrap(), Turn::Wait(_)));
    assert!(store.jobs().list().await.unwrap()[0].running);
    admin.batch_execute("UPDATE jobs SET leased_until = now()").await.unwrap();
    assert!(matches!(run_now(&job, &store).await.unwrap(), Turn::Had(_)));
    assert!(!store.jobs().list().await.unwrap()[0].running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_drop_each_pin_once() {
    let database = rig::database().await;
    let pins = Pins::start(|_| Answer::Done).await;
    queue(&database, 0..250).await;
    let other = Store::connect(&database.settings).await.unwrap();
    let mut both = [Jobs::new(database.store.clone()), Jobs::new(other)];
    for jobs in &mut both {
        jobs.start(DropPins::new(database.store.clone(), pins.client(), Nudge::default()));
    }
    let dropped = async {
        while !queued(&database).await.is_empty() {
            // The row of the last pin changes after its call, and no further call follows.
            let _ = timeout(Duration::from_millis(20), pins.called()).await;
        }
    };
    timeout(PATIENCE, dropped).await.expect("pins are left");
    for jobs in both {
        stop(jobs).await;
    }
    let asked = pins.asked();
    assert_eq!(asked.len(), 250);
    assert_eq!(asked.iter().collect::<HashSet<_>>().len(), 250);
}

#[tokio::test]
async fn a_pin_that_cannot_be_dropped_does_not_hold_up_the_rest() {
    let database = rig::database().await;
    let (bad, heals) = (cid(3).to_string(), Arc::new(AtomicBool::new(false)));
    let (refused, healed) = (bad.clone(), Arc::clone(&heals));
    let pins = Pins::start(move |cid| match cid == refused && !healed.load(Ordering::SeqCst) {
        true => Answer::Trouble,
        false => Answer::Done,
    });
    let pins = pins.await;
    let job = DropPins::new(database.store.clone(), pins.client(), Nudge::default());
    queue(&database, 0..150).await;
    let Turn::Had(run) = run_now(&job, &database.store).await.unwrap() else { panic!() };
    let error = run.result.unwrap_err().to_string();
    assert!(error.contains(&bad) && error.contains("disk on fire"), "{error}");
    assert_eq!(queued(&database).await, [bad.as_str()]);
    let state = "SELECT attempts, next_try_at > now() + INTERVAL '50 seconds' FROM unpins
        WHERE done_at IS NULL";
    let row = database.admin.query_one(state, &[]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, bool>(1)), (1, true));

    // The bad pin waits for its next attempt, and new pins do not wait for it.
    queue(&database, 200..210).await;
    let Turn::Had(run) = run_now(&job, &database.store).await.unwrap() else { panic!() };
    assert_eq!(run.result.unwrap().items, 10);
    let asked = pins.asked().iter().filter(|cid| **cid == bad).count();
    assert_eq!(asked, 2, "together with others, and then alone");

    heals.store(true, Ordering::SeqCst);
    database.admin.batch_execute("UPDATE unpins SET next_try_at = now()").await.unwrap();
    let Turn::Had(run) = run_now(&job, &database.store).await.unwrap() else { panic!() };
    assert_eq!(run.result.unwrap().items, 1);
    assert!(queued(&database).await.is_empty());
}

#[tokio::test]
async fn a_run_gives_up_when_every_call_to_kubo_fails() {
    let database = rig::database().await;
    let pins = Pins::start(|_| Answer::Trouble).await;
    let job = DropPins::new(database.store.clone(), pins.client(), Nudge::default());
    queue(&database, 0..50).await;
    let Turn::Had(run) = run_now(&job, &database.store).await.unwrap() else { panic!() };
    assert!(run.result.is_err());
    assert_eq!(pins.asked().len(), 6, "once together, and then five alone");
    assert_eq!(queued(&database).await.len(), 50);
}

/// Kubo may carry the call out later. It is not sent again meanwhile, and the row says that the pin may go.
#[tokio::test]
async fn a_call_to_kubo_that_gets_no_answer_is_in_doubt() {
    let database = rig::database().await;
    let pins = Pins::start(|_| Answer::Cut).await;
    let job = DropPins::new(database.store.clone(), pins.client(), Nudge::default());
    queue(&database, 0..2).await;
    for _ in 0..2 {
        let Turn::Had(run) = run_now(&job, &database.store).await.unwrap() else { panic!() };
        let _ = run.result;
    }
    assert_eq!(pins.asked().len(), 1, "one call for both, and no second one");
    let state = "SELECT count(*) FROM unpins
        WHERE doubt_until > now() AND next_try_at > now() AND claimed_by IS NULL";
    assert_eq!(database.admin.query_one(state, &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test]
async fn a_run_stops_in_the_middle_of_a_call_to_kubo() {
    let database = rig::database().await;
    let pins = Pins::start(|_| Answer::Never).await;
    queue(&database, 0..3).await;
    let mut jobs = Jobs::new(database.store.clone());
    jobs.start(DropPins::new(database.store.clone(), pins.client(), Nudge::default()));
    timeout(PATIENCE, pins.called()).await.unwrap();
    stop(jobs).await;
    assert_eq!(queued(&database).await.len(), 3);
    // The next instance need not wait.
    let record = database.store.jobs().list().await.unwrap().remove(0);
    assert_eq!(record.last.unwrap().outcome, JobOutcome::Stopped);
    assert!(!record.running && record.next_run_at <= SystemTime::now());
}

#[tokio::test]
async fn a_job_that_does_not_stop_is_cut() {
    let began = Arc::new(Notify::new());
    let mut jobs = Jobs::new(rig::database().await.store);
    jobs.start(Deaf(Arc::clone(&began)));
    timeout(PATIENCE, began.notified()).await.unwrap();
    stop(jobs).await;
}

/// The value of the metric with this name and these labels. `None` if there is none yet.
async fn metric(server: &Server, line: &str) -> Option<f64> {
    let client = rig::client::Client { addr: server.metrics };
    let answer = client.get("/metrics").await.expect(200);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
}

#[tokio::test]
async fn a_server_measures_its_jobs_and_logs_what_its_shutdown_waits_for() {
    let first = builder().await.env("OPEN_REGISTRY_LOG_LEVEL", "debug").start().await;
    let mut second = Builder::beside(&first).start().await;
    let runs = r#"registry_job_runs_total{job="drop-pins",outcome="ok"}"#;
    let oldest = r#"registry_job_oldest_seconds{job="drop-pins"}"#;
    let began = std::time::Instant::now();
    // The backlog is counted after the run.
    while metric(&second, runs).await.is_none() || metric(&second, oldest).await.is_none() {
        assert!(began.elapsed() < PATIENCE, "{:#?}", second.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(metric(&second, r#"registry_job_backlog{job="drop-pins"}"#).await, Some(0.0));
    assert_eq!(metric(&second, oldest).await, Some(0.0));
    second.terminate();
    assert!(second.ended().await.success());
    second.logged("part_stopped", |line| line["part"] == "jobs").await;
    for job in ["drop-pins", "expire-uploads", "remove-empty", "tidy-metrics"] {
        second.logged("job_stopped", |line| line["job"] == job).await;
    }
}
