//! Finds and runs programs that tests need, with a home directory that separates them from the settings of the machine.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// Directories of Debian's daemons, which the search path of an ordinary user lacks.
const DAEMONS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Finds a program in the search path, or in the cache that `make` fills.
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

/// Removes a directory after standard input ends, which happens whenever this process ends. Daemons may still use the
/// directory for a while, so it tries again and again.
const KEEPER: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
for _ in $(seq 60); do rm -rf "$0" 2>/dev/null && exit; sleep 0.5; done"#;

/// A new directory for large or temporary files. It is removed when dropped, and at the latest when this process ends.
pub(crate) fn scratch() -> TempDir {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static ROOT: OnceLock<(PathBuf, Child)> = OnceLock::new();
    let (root, _keeper) = ROOT.get_or_init(|| {
        // In lower case, because podman derives names of repositories from paths. Short, because sockets are below it.
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

/// A home directory for programs, without the settings of the machine. It is removed when dropped.
pub(crate) struct Home {
    directory: TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Home {
    /// An empty home without environment variables.
    pub(crate) fn new() -> Self {
        let directory = scratch();
        std::fs::create_dir(directory.path().join("tmp")).unwrap();
        Self { directory, settings: Vec::new() }
    }

    /// Sets an environment variable for all programs that run in this home.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.push((name, value.into()));
    }

    /// A path below this home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A path below this home as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// A command that runs in this home, with no other environment.
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

    /// Runs a program and returns its standard output. Panics with all of its output if it fails.
    #[track_caller]
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        complete(self.command(find(program)).args(arguments))
    }

    /// Runs a program that may fail, with `input` on standard input. Returns its output on both streams.
    pub(crate) fn attempt(
        &self,
        program: impl AsRef<OsStr>,
        arguments: &[&str],
        input: &str,
    ) -> Result<String, String> {
        let mut command = self.command(program);
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Writing fails if the program has ended without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }
}

/// Runs a command, which must succeed, and returns its standard output without the last line break.
#[track_caller]
pub(crate) fn complete(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let out = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{error}", output.status);
    out.trim_end().to_owned()
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}
