//! Three instances behind a balancer, to try out what happens when one of them goes away. `make run-three` runs it.
//!
//! The first instance starts a private PostgreSQL and a private Kubo; the other two reach them over their sockets. The
//! balancer listens on 127.0.0.1:5000 and the instances on the ports 5001 to 5003. An instance that ends is started again
//! after a second. A signal stops everything, the first instance last.

mod balance;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use af_registry::config::Config;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const FRONT: u16 = 5000;
const INSTANCES: u16 = 3;
/// The metrics of the first instance. The others follow.
const METRICS: u16 = 9464;
/// Pause before an instance that has ended is started again.
const REST: Duration = Duration::from_secs(1);

/// Sent to instances that none of them stops.
const NONE: u16 = u16::MAX;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::load(["af-registry"], std::env::vars_os())?;
    if config.postgres.is_some() || config.kubo.is_some() {
        return Err("unset OPEN_REGISTRY_DB_HOST and OPEN_REGISTRY_DFS_IPFS_API_URL: the first instance starts both".into());
    }
    let front = TcpListener::bind(local(FRONT)).await?;
    let (stop, stopping) = watch::channel(NONE);
    let mut instances = Vec::new();
    for number in 1..=INSTANCES {
        let instance = Instance { number, data: config.data_dir.clone() };
        let child = instance.start().await;
        match child {
            Ok(child) => instances.push(tokio::spawn(instance.keep(child, stopping.clone()))),
            Err(error) => {
                stop_all(&stop, instances).await;
                return Err(error);
            }
        }
    }
    println!(
        "three: http://{} leads to all of them; try kill -9 with one of the pids",
        local(FRONT)
    );
    let servers = (1..=INSTANCES).map(|number| local(FRONT + number)).collect();
    tokio::select! {
        error = balance::balance(front, servers) => eprintln!("three: the balancer ended: {error}"),
        asked = asked_to_stop() => asked?,
    }
    stop_all(&stop, instances).await;
    Ok(())
}

/// Waits for SIGINT or SIGTERM.
async fn asked_to_stop() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// The first instance stops last, because it has the partners of all.
async fn stop_all(stop: &watch::Sender<u16>, instances: Vec<JoinHandle<()>>) {
    for (number, instance) in (1..).zip(instances).collect::<Vec<_>>().into_iter().rev() {
        stop.send_replace(number);
        let _ = instance.await;
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Whether an instance says that it works. It takes connections earlier.
async fn is_ready(address: SocketAddr) -> bool {
    let asked = async {
        let mut connection = TcpStream::connect(address).await?;
        let request =
            format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with("HTTP/1.1 200"))
    };
    matches!(timeout(REST, asked).await, Ok(Ok(true)))
}

/// One of the instances.
struct Instance {
    number: u16,
    /// The data directory of the first instance.
    data: PathBuf,
}

impl Instance {
    /// Starts the process and waits until it and its partners work.
    async fn start(&self) -> Result<Child, Box<dyn Error>> {
        let mut child = self.command()?.spawn()?;
        let (number, address) = (self.number, local(FRONT + self.number));
        while !is_ready(address).await {
            if let Some(status) = child.try_wait()? {
                return Err(
                    format!("instance {number} ended with {status}; its log says why").into()
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
        let pid = child.id().unwrap_or_default();
        println!("three: instance {number} has pid {pid} and listens on http://{address}");
        Ok(child)
    }

    fn command(&self) -> Result<Command, Box<dyn Error>> {
        // The examples are built into a folder beside the program.
        let program = std::env::current_exe()?.with_file_name("../af-registry");
        let mut command = Command::new(program);
        command
            .env("OPEN_REGISTRY_HOST", "127.0.0.1")
            .env("OPEN_REGISTRY_PORT", (FRONT + self.number).to_string())
            .env("OPEN_REGISTRY_METRICS_PORT", (METRICS + self.number - 1).to_string())
            .env("OPEN_REGISTRY_DATA_DIR", &self.data)
            .env("OPEN_REGISTRY_AUTH", "none")
            // An interrupt from the terminal must not reach all of them at once.
            .process_group(0)
            .kill_on_drop(true);
        if std::env::var_os("OPEN_REGISTRY_LOG_LEVEL").is_none() {
            // Three logs of every request would hide what happens to the instances.
            command.env("OPEN_REGISTRY_LOG_LEVEL", "warn");
        }
        if self.number > 1 {
            let kubo = |name: &str| format!("unix://{}/run-kubo/{name}.sock", self.data.display());
            command
                .env("OPEN_REGISTRY_DB_HOST", self.data.join("run"))
                .env("OPEN_REGISTRY_DB_USER", "af_registry")
                .env("OPEN_REGISTRY_DB_NAME", "af_registry")
                .env("OPEN_REGISTRY_DFS_IPFS_API_URL", kubo("api"))
                .env("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", kubo("gateway"));
        }
        Ok(command)
    }

    /// Starts the process again whenever it ends, until it is told to stop.
    async fn keep(self, mut child: Child, mut stopping: watch::Receiver<u16>) {
        loop {
            let told = async { drop(stopping.wait_for(|from| *from <= self.number).await) };
            let status = tokio::select! {
                () = told => None,
                status = child.wait() => Some(status),
            };
            let Some(status) = status else { return end(child).await };
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            println!("three: instance {} ended: {how}", self.number);
            loop {
                sleep(REST).await;
                if *stopping.borrow() <= self.number {
                    return;
                }
                match self.start().await {
                    Ok(again) => break child = again,
                    Err(error) => println!("three: {error}"),
                }
            }
        }
    }
}

/// Stops a process by SIGTERM and waits for its end.
async fn end(mut child: Child) {
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
    let _ = child.wait().await;
}
