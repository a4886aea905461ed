//! A fleet of clients that pull and push whole images, and what they felt: latencies, throughput and errors.
//!
//! `cargo run --release --example fleet -- --registry 127.0.0.1:5000 --clients 500` pushes an image and lets five hundred
//! clients pull it at the same moment, each over a new connection: the manifest by its tag, then config and layers. With
//! `--pushers` some of the clients push images of their own meanwhile. `--help` lists all options.
//!
//! Layers are random bytes, so that nothing can be deduplicated or compressed. Every digest is checked, which costs the
//! driver CPU that a server on the same machine does not get. The report says how much; `--unchecked` leaves it out. A 503
//! is counted, and repeated after the time that Retry-After says, at most five times, as clients do.
//!
//! The report goes to standard output, and as JSON and as a page with charts into `target/fleet`. Only a registry on a
//! loopback address is loaded, and the run is bounded in time and in requests. The exit code is 1 after any error.

mod chart;
mod client;
mod connection;
mod image;
mod machine;
mod plan;
mod report;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Client, Log};
use image::{Image, Source};
use machine::Machine;
use plan::Plan;
use report::Report;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Time after `--seconds` for what was begun to end.
const GRACE: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let plan = Arc::new(Plan::read()?);
    let source = Arc::new(Source::new(plan.seed));
    let images = prepare(&plan, &source).await?;
    if plan.only_prepare {
        return Ok(ExitCode::SUCCESS);
    }
    let machine = Machine::begin(plan.pid);
    let began = Instant::now();
    let log = run(&plan, &source, &images, began).await?;
    let report = Report::new(&plan, &log, began.elapsed(), machine.end());
    print!("{report}");
    let failed = !log.errors.is_empty();
    std::fs::create_dir_all(&plan.out)?;
    let (json, page) = (plan.file("json"), plan.file("html"));
    std::fs::write(&json, serde_json::to_vec_pretty(&report.json())?)?;
    std::fs::write(&page, chart::page(&report, &log))?;
    println!("written: {} and {}", json.display(), page.display());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Pushes the images that the clients are to pull, unless an earlier run has.
async fn prepare(plan: &Arc<Plan>, source: &Arc<Source>) -> Result<Vec<Image>, Box<dyn Error>> {
    let names = (0..plan.images).map(|number| plan.image(number));
    if plan.prepared || plan.pushers == plan.clients {
        return Ok(names.collect());
    }
    let mut client = Client::new(Arc::clone(plan), Arc::clone(source), 0, Instant::now());
    let mut images = Vec::new();
    for image in names {
        client.push(&image).await;
        if let Some((error, _)) = client.log.errors.first_key_value() {
            return Err(format!("the image to pull could not be pushed: {error}").into());
        }
        images.push(image);
    }
    Ok(images)
}

/// Lets all clients begin at the same moment, and waits for them.
async fn run(
    plan: &Arc<Plan>,
    source: &Arc<Source>,
    images: &[Image],
    began: Instant,
) -> Result<Log, Box<dyn Error>> {
    let start = Arc::new(Barrier::new(plan.clients));
    let images: Arc<[Image]> = images.into();
    let mut clients = JoinSet::new();
    for number in 0..plan.clients {
        let client = Client::new(Arc::clone(plan), Arc::clone(source), number, began);
        let (start, images) = (Arc::clone(&start), Arc::clone(&images));
        clients.spawn(async move {
            start.wait().await;
            client.run(&images).await
        });
    }
    let mut log = Log::default();
    let gathered = async {
        while let Some(done) = clients.join_next().await {
            log.add(done?);
        }
        Ok::<_, tokio::task::JoinError>(())
    };
    timeout(plan.seconds + GRACE, gathered)
        .await
        .map_err(|_| "the clients did not end; the registry hangs")??;
    Ok(log)
}
