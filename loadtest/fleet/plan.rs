//! What the fleet is to do: the arguments of the program.

use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use data_encoding::BASE64;

use crate::image::Image;

/// The plan of one run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) registry: SocketAddr,
    pub(crate) clients: usize,
    /// How many of the clients push.
    pub(crate) pushers: usize,
    /// Number of different images that are pulled.
    pub(crate) images: usize,
    /// Sizes of the layers of an image, in bytes.
    pub(crate) layers: Vec<u64>,
    /// Images that each client pulls or pushes.
    pub(crate) rounds: u32,
    /// Time after which no client begins another image.
    pub(crate) seconds: Duration,
    /// Whether the images to pull have been pushed before.
    pub(crate) prepared: bool,
    pub(crate) only_prepare: bool,
    /// Whether clients keep their connections from one image to the next.
    pub(crate) reuse: bool,
    pub(crate) checked: bool,
    pub(crate) authorization: Option<String>,
    /// Process id of the server, whose CPU and memory are then reported.
    pub(crate) pid: Option<u32>,
    pub(crate) seed: u64,
    pub(crate) out: PathBuf,
    name: String,
    repository: String,
    /// Requests that may still be sent.
    requests: AtomicU64,
}

impl Plan {
    /// Reads the arguments.
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        let given = command().get_matches();
        let registry = given.get_one::<String>("registry").map_or("", String::as_str);
        let address = registry.trim_start_matches("http://").trim_end_matches('/');
        let registry = address.to_socket_addrs()?.next().ok_or("the registry has no address")?;
        if !registry.ip().is_loopback() {
            return Err(format!("{address}: only a registry on this machine is loaded").into());
        }
        let clients = number::<usize>(&given, "clients")?.clamp(1, 10_000);
        let user: Option<&String> = given.get_one("user");
        let pid = given.get_one::<String>("pid").map(|pid| pid.parse()).transpose()?;
        let layers = given.get_one::<String>("layers").map_or("", String::as_str);
        Ok(Self {
            registry,
            clients,
            pushers: number::<usize>(&given, "pushers")?.min(clients),
            images: number::<usize>(&given, "images")?.clamp(1, 10_000),
            layers: layers.split(',').map(size).collect::<Result<_, _>>()?,
            rounds: number(&given, "rounds")?,
            seconds: Duration::from_secs(number::<u64>(&given, "seconds")?.min(3600)),
            prepared: given.get_flag("prepared"),
            only_prepare: given.get_flag("only-prepare"),
            reuse: given.get_flag("reuse"),
            checked: !given.get_flag("unchecked"),
            authorization: user.map(|user| format!("Basic {}", BASE64.encode(user.as_bytes()))),
            pid,
            seed: number(&given, "seed")?,
            out: given.get_one::<String>("out").map(PathBuf::from).unwrap_or_default(),
            name: given.get_one::<String>("name").cloned().unwrap_or_default(),
            repository: given.get_one::<String>("repository").cloned().unwrap_or_default(),
            requests: AtomicU64::new(number(&given, "requests")?),
        })
    }

    /// An image that clients pull.
    pub(crate) fn image(&self, number: usize) -> Image {
        Image { repository: self.repository.clone(), tag: format!("image-{number}"), number }
    }

    /// An image that `client` pushes in its round `round`. No other client has its blobs.
    pub(crate) fn own_image(&self, client: usize, round: u32) -> Image {
        let number = 1_000_000 + client * 10_000 + round as usize;
        Image {
            repository: format!("{}/{client}", self.repository),
            tag: format!("round-{round}"),
            number,
        }
    }

    /// A file of the report with this extension.
    pub(crate) fn file(&self, extension: &str) -> PathBuf {
        self.out.join(format!("{}.{extension}", self.name))
    }

    /// Counts a request. `false` when no more may be sent.
    pub(crate) fn may_send(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// One line that names the run.
    pub(crate) fn title(&self) -> String {
        let layers: Vec<String> =
            self.layers.iter().map(|bytes| format!("{}", *bytes as f64 / 1048576.0)).collect();
        let (pullers, pushers) = (self.clients - self.pushers, self.pushers);
        let connections =
            if self.reuse { "kept connections" } else { "a new connection for each image" };
        format!(
            "{pullers} clients pull and {pushers} push, {} image(s) each with layers of {} MiB, {connections}",
            self.rounds,
            layers.join(" + ")
        )
    }
}

fn command() -> Command {
    let value = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).default_value(default).help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let optional = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    Command::new("fleet").about("Pulls and pushes whole images with many clients").args([
        value("registry", "127.0.0.1:5000", "Address of the registry; must be of this machine"),
        value("clients", "100", "Number of clients"),
        value("pushers", "0", "How many of the clients push images of their own"),
        value("images", "1", "Number of different images that the others pull"),
        value("layers", "4MiB,1MiB", "Sizes of the layers of an image"),
        value("rounds", "1", "Images that each client pulls or pushes"),
        value("seconds", "60", "Time after which no client begins another image, at most 3600"),
        value("requests", "1000000", "Most requests of all clients together"),
        value("repository", "fleet/images", "Repository of the images that are pulled"),
        value("seed", "1", "Another seed makes other layers"),
        value("out", "target/fleet", "Folder of the report"),
        value("name", "report", "Name of the files of the report"),
        optional("user", "NAME:PASSWORD, sent with every request"),
        optional("pid", "Process id of the server, to report its CPU and memory"),
        flag("only-prepare", "Push the images that are to be pulled, and end"),
        flag("prepared", "Pull images that an earlier run with the same options has pushed"),
        flag("reuse", "Keep each connection for the next image"),
        flag("unchecked", "Compare no digests"),
    ])
}

fn number<T: FromStr>(given: &ArgMatches, name: &str) -> Result<T, String> {
    let text = given.get_one::<String>(name).map_or("", String::as_str);
    text.parse().map_err(|_| format!("--{name} is a number, and `{text}` is none"))
}

/// A size with an optional unit: `300`, `64KiB`, `4MiB`, `1GiB`.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("", 0)];
    units
        .iter()
        .find_map(|(unit, shift)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_shl(*shift))
        .ok_or_else(|| format!("a layer has a size such as 64KiB or 4MiB, and not `{text}`"))
}
