//! Programs that tests run: where they are, and a home that keeps the machine's settings out and theirs in.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// Where Debian keeps daemons, which an ordinary user's search path lacks.
const DAEMONS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program from the search path, else one that `make` built.
pub(crate) fn find(name: &str) -> PathBuf {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("AF_REGISTRY_CACHE").map(PathBuf::from).or_else(|| {
        let caches = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || variable("HOME").map(|home| Path::new(&home).join(".cache"));
        caches.or_else(home).map(|caches| caches.join("af-registry"))
    });
    std::env::split_paths(&search)
        .chain(cache.map(|cache| cache.join("bin")))
        .chain(DAEMONS.map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("no `{name}` in PATH or in the cache; `make install-test` brings it")
        })
}

/// Removes the directory once standard input ends, however the process that held it came to its end. Daemons in it may
/// take a while to leave.
const KEEPER: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
for _ in $(seq 60); do rm -rf "$0" 2>/dev/null && exit; sleep 0.5; done"#;

/// A new directory for what is large or left about. It goes when dropped, and at the latest with this process.
pub(crate) fn scratch() -> TempDir {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static ROOT: OnceLock<(PathBuf, Child)> = OnceLock::new();
    let (root, _keeper) = ROOT.get_or_init(|| {
        // In lower case, for podman makes the name of a repository from a path; and short, for sockets are below it.
        let id = uuid::Uuid::new_v4().simple().to_string();
        let root = std::env::temp_dir().join(format!("af-registry-{}", &id[..8]));
        std::fs::create_dir(&root).unwrap();
        let mut keeper = Command::new("sh");
        keeper.arg("-c").arg(KEEPER).arg(&root).current_dir("/").stdin(Stdio::piped());
        let keeper = keeper.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        (root, keeper)
    });
    let name = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir_in(root).unwrap()
}

/// A directory in which programs find no settings but their own. Gone when dropped.
pub(crate) struct Home {
    directory: TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Home {
    /// An empty one, in which nothing is set.
    pub(crate) fn new() -> Self {
        let directory = scratch();
        std::fs::create_dir(directory.path().join("tmp")).unwrap();
        Self { directory, settings: Vec::new() }
    }

    /// Sets an environment variable for everything that runs here.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.push((name, value.into()));
    }

    /// A path below it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// A command that starts in it and knows nothing else.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.directory.path())
            .env("TMPDIR", self.path("tmp"))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a program by its name and returns what it printed; all it said is in the panic if it fails.
    #[track_caller]
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        complete(self.command(find(program)).args(arguments))
    }

    /// Runs a program that may fail, with `input` to read. What it said on both streams is the result, or the error.
    pub(crate) fn attempt(
        &self,
        program: impl AsRef<OsStr>,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, String> {
        let mut command = self.command(program);
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // One that reads nothing may be gone by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }
}

/// Runs a command to its good end and returns its standard output without the last line break.
#[track_caller]
pub(crate) fn complete(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let out = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{error}", output.status);
    out.trim_end().to_owned()
}

/// Whether this is root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}
