//! Ends programs that an earlier server left running.
//!
//! A process is one of ours if it runs the program in question and its current directory is our directory. Directories
//! are compared by inode, so processes of other containers and other data directories are not touched. Pid files are
//! not used: after a crash the number may belong to an unrelated process. The caller holds the lock of the data
//! directory, so a process that is found belongs to no running server.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;
use tracing::warn;

use super::error::EmbeddedError;

const POLL: Duration = Duration::from_millis(50);
/// Time that a process gets before the first signal, because the kernel signalled it when its server died.
const ASKED_ALREADY: Duration = Duration::from_secs(3);

/// The properties by which a process is recognized.
pub(super) struct Marks<'a> {
    /// File name of the program.
    pub(super) program: &'static str,
    /// An argument that it must have.
    pub(super) argument: &'static str,
    /// Its current directory, which is also part of an argument.
    pub(super) directory: &'a Path,
}

/// Ends all processes with these marks, and waits for their end.
///
/// # Errors
/// [`EmbeddedError::Orphan`] when one survives SIGKILL.
pub(super) async fn end(
    name: &'static str,
    marks: &Marks<'_>,
    ladder: &[(Signal, Duration)],
) -> Result<(), EmbeddedError> {
    let mut left = find(marks);
    if left.is_empty() {
        return Ok(());
    }
    warn!(
        event = "partner_orphan",
        partner = name,
        pid = left[0],
        "{name} of an earlier server is still running and is ended"
    );
    let steps = std::iter::once((None, ASKED_ALREADY))
        .chain(ladder.iter().map(|(signal, patience)| (Some(*signal), *patience)))
        .chain(std::iter::once((Some(Signal::KILL), Duration::from_secs(5))));
    for (signal, patience) in steps {
        if let Some(signal) = signal {
            for pid in left.iter().filter_map(|pid| Pid::from_raw(*pid)) {
                let _ = kill_process(pid, signal);
            }
        }
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            left = find(marks);
            if left.is_empty() {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }
    Err(EmbeddedError::Orphan { name, pid: left[0] })
}

fn find(marks: &Marks<'_>) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| fits(*pid, marks)).collect()
}

fn fits(pid: i32, marks: &Marks<'_>) -> bool {
    // Empty for a kernel thread, and for a zombie, which holds no resources any more.
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let mut arguments = line.split(|byte| *byte == 0);
    let program = arguments.next().and_then(|path| path.rsplit(|byte| *byte == b'/').next());
    if program != Some(marks.program.as_bytes())
        || !arguments.clone().any(|argument| argument == marks.argument.as_bytes())
    {
        return false;
    }
    let Ok(ours) = fs::metadata(marks.directory) else { return false };
    match fs::metadata(format!("/proc/{pid}/cwd")) {
        Ok(theirs) => (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()),
        // Root without CAP_SYS_PTRACE, as in a container, may not read it. The arguments have to do there.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            arguments.any(|argument| argument.ends_with(marks.directory.as_os_str().as_bytes()))
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn only_our_program_in_our_directory_is_ended() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sleeper = |directory: &Path| {
            Command::new("sleep").arg("61").current_dir(directory).spawn().unwrap()
        };
        let (mut left, mut stranger) = (sleeper(ours.path()), sleeper(theirs.path()));
        let marks = Marks { program: "sleep", argument: "61", directory: ours.path() };
        let id = i32::try_from(left.id()).unwrap();
        while find(&marks) != [id] {
            sleep(POLL).await;
        }
        assert!(find(&Marks { argument: "62", ..marks }).is_empty());
        assert!(find(&Marks { program: "postgres", ..marks }).is_empty());
        end("test", &marks, &[(Signal::TERM, Duration::from_secs(5))]).await.unwrap();
        assert!(!left.wait().unwrap().success());
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
