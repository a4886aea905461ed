//! A child process that cannot outlive this process.
//!
//! The kernel signals a child when the *thread* that started it ends (prctl(2), PR_SET_PDEATHSIG), and threads of a
//! runtime come and go. So each child has a thread of its own, which starts the child and waits for it, and therefore
//! lives exactly as long. `setpriv` of util-linux asks the kernel for the signal and then executes the program. Doing
//! that ourselves between fork and exec would take unsafe code.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, setpriority_pgrp, waitid};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::error::EmbeddedError;
use super::user::User;

/// Last lines of output that are kept for an error message.
const KEPT_LINES: usize = 8;
/// A longer line is cut into pieces.
const LINE_BYTES: u64 = 4096;
/// Longest wait for the rest of the output of a child that has ended. A grandchild may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Environment variables that a child inherits. Our own may contain secrets, and others (`PG…`, `LIBP2P_…`) would change
/// what it does.
const INHERITED: [&str; 3] = ["PATH", "GOMAXPROCS", "GOMEMLIMIT"];

/// Signals that end a program, in the order in which they are sent, each with the time that it gets to take effect.
pub(super) type Ladder = &'static [(Signal, Duration)];

/// The signal that a child gets when this process dies.
#[derive(Clone, Copy)]
pub(super) enum OnDeath {
    /// SIGINT, which is a fast shutdown for PostgreSQL.
    Interrupt,
    /// SIGTERM, which lets a program clean up.
    Terminate,
    /// SIGKILL, for short work.
    Kill,
}

/// A running child. When this is dropped, the child is signalled, and nobody waits for its end.
pub(super) struct Child {
    name: &'static str,
    /// `None` after the child was reaped, because another process may get the same number then.
    pid: Arc<Mutex<Option<Pid>>>,
    exit: watch::Receiver<Option<String>>,
    output: watch::Receiver<Output>,
    on_death: OnDeath,
}

/// The output of a child on stdout and stderr.
#[derive(Default)]
struct Output {
    last: VecDeque<String>,
    marker_seen: bool,
    ended: bool,
}

/// A command that runs `program` as `user`, with a nearly empty environment. It gets a process group of its own, so that
/// Ctrl-C in a terminal signals the server alone.
pub(super) fn command(program: &Path, user: Option<&User>, on_death: OnDeath) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", on_death.name()]);
    if let Some(user) = user {
        command.args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)]);
        command.arg("--clear-groups");
    }
    command.arg(program).env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.process_group(0).stdin(Stdio::null());
    command
}

impl OnDeath {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "INT",
            Self::Terminate => "TERM",
            Self::Kill => "KILL",
        }
    }

    fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
            Self::Kill => Signal::KILL,
        }
    }
}

impl Child {
    /// Starts `command`, which [`command`] made with the same `on_death`. [`Child::marker`] waits for a line of output that
    /// begins with `marker`.
    pub(super) async fn spawn(
        name: &'static str,
        mut command: Command,
        on_death: OnDeath,
        marker: Option<&'static str>,
    ) -> Result<Self, EmbeddedError> {
        let program = command.get_program().to_owned();
        let failed = |error| cannot_start(&program, error);
        let (reader, writer) = io::pipe().map_err(failed)?;
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let (output_sender, output) = watch::channel(Output::default());
        let (exit_sender, exit) = watch::channel(None);
        let (started_sender, started) = oneshot::channel();
        let pid = Arc::new(Mutex::new(None));
        let child = Self { name, pid: Arc::clone(&pid), exit, output, on_death };
        let keeper = move || {
            let spawned = command.spawn();
            // The command holds the writing ends of the pipe. As long as it does, the reader sees no end of the output.
            drop(command);
            let (process, number) = match spawned.map(|process| (process.id(), process)) {
                Ok((id, process)) => (process, i32::try_from(id).ok().and_then(Pid::from_raw)),
                Err(error) => {
                    let _ = started_sender.send(Err(error));
                    return;
                }
            };
            *pid.lock().unwrap_or_else(PoisonError::into_inner) = number;
            let _ = started_sender.send(Ok(()));
            let _ = exit_sender.send(Some(wait(process, &pid)));
        };
        thread::Builder::new().name(name.to_owned()).spawn(keeper).map_err(failed)?;
        let read = move || read_lines(name, reader, marker, &output_sender);
        thread::Builder::new().name(format!("{name} out")).spawn(read).map_err(failed)?;
        match started.await {
            Ok(Ok(())) => Ok(child),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(failed(io::Error::other("its thread ended"))),
        }
    }

    /// The process id. `None` after the child has ended.
    pub(super) fn pid(&self) -> Option<i32> {
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        pid.map(|pid| pid.as_raw_nonzero().get())
    }

    /// Lowers the priority of the child and of what it starts by so many steps of nice(1).
    pub(super) fn give_way(&self, steps: i32) {
        let pid = *self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        // The child works all the same if this fails.
        let _ = pid.map(|pid| setpriority_pgrp(Some(pid), steps));
    }

    /// Waits for the end of the child and returns how it ended, for example `ended with exit status: 1`.
    pub(super) async fn exited(&self) -> String {
        let mut exit = self.exit.clone();
        let how = match exit.wait_for(Option::is_some).await {
            Ok(how) => how.clone(),
            Err(_) => None,
        };
        how.unwrap_or_else(|| "was lost".to_owned())
    }

    /// Waits until the child has written its marker line.
    pub(super) async fn marker(&self) {
        let mut output = self.output.clone();
        let seen = output.wait_for(|output| output.marker_seen).await.is_ok();
        if !seen {
            // The output ended without it. Callers also wait for the exit of the child.
            std::future::pending::<()>().await;
        }
    }

    /// The last lines of output. Complete if the child has ended.
    pub(super) async fn last_lines(&self) -> Vec<String> {
        let mut output = self.output.clone();
        let _ = timeout(LAST_WORDS, output.wait_for(|output| output.ended)).await;
        output.borrow().last.iter().cloned().collect()
    }

    /// Sends the signals of `ladder` one after another until the child has ended, and kills it after the last one.
    pub(super) async fn end(self, ladder: &[(Signal, Duration)]) {
        for (signal, patience) in ladder {
            self.signal(*signal);
            if timeout(*patience, self.exited()).await.is_ok() {
                return;
            }
            warn!(
                event = "partner_slow_to_end",
                partner = self.name,
                waited_ms = patience.as_millis(),
                "{} is still running {} s after signal {}",
                self.name,
                patience.as_secs(),
                signal.as_raw()
            );
        }
        self.signal(Signal::KILL);
        self.exited().await;
    }

    fn signal(&self, signal: Signal) {
        // The lock is held meanwhile, so that the child is not reaped and its number not given to another process.
        if let Some(pid) = *self.pid.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(self.on_death.signal());
    }
}

/// Runs a short command to its end and returns the last lines of its output.
pub(super) async fn run(
    name: &'static str,
    command: Command,
    patience: Duration,
) -> Result<Vec<String>, EmbeddedError> {
    let child = Child::spawn(name, command, OnDeath::Kill, None).await?;
    let how = timeout(patience, child.exited()).await;
    let lines = child.last_lines().await;
    match how {
        Ok(how) if how == success() => Ok(lines),
        Ok(how) => Err(EmbeddedError::Ended { name, how, lines }),
        Err(_) => Err(EmbeddedError::NotReady { name, seconds: patience.as_secs(), lines }),
    }
}

/// Waits for the end without reaping the child, forgets its number, and then reaps it. So [`Child::signal`] can never hit
/// another process.
fn wait(mut process: std::process::Child, pid: &Mutex<Option<Pid>>) -> String {
    let number = *pid.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = number {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(number), options) {}
    }
    *pid.lock().unwrap_or_else(PoisonError::into_inner) = None;
    match process.wait() {
        Ok(status) => ended(status),
        Err(error) => format!("was lost: {error}"),
    }
}

fn ended(status: ExitStatus) -> String {
    format!("ended with {status}")
}

fn success() -> String {
    ended(ExitStatus::default())
}

fn read_lines(
    name: &'static str,
    pipe: PipeReader,
    marker: Option<&str>,
    output: &watch::Sender<Output>,
) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        line.clear();
        debug!(event = "partner_output", partner = name, "{text}");
        output.send_modify(|output| {
            output.marker_seen |= marker.is_some_and(|marker| text.starts_with(marker));
            if output.last.len() == KEPT_LINES {
                output.last.pop_front();
            }
            output.last.push_back(text);
        });
    }
    output.send_modify(|output| output.ended = true);
}

fn cannot_start(program: &OsStr, error: io::Error) -> EmbeddedError {
    if error.kind() == io::ErrorKind::NotFound && program == "setpriv" {
        return EmbeddedError::Missing {
            what: "setpriv is not in PATH".to_owned(),
            mend: "install it with: apt-get install util-linux",
        };
    }
    EmbeddedError::io("start", Path::new(program))(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, on_death: OnDeath) -> Command {
        let mut command = command(Path::new("/bin/sh"), None, on_death);
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_command_returns_its_output_or_fails_with_it() {
        let second = Duration::from_secs(5);
        let run = |script| run("test", shell(script, OnDeath::Kill), second);
        assert_eq!(run("echo one; echo two >&2").await.unwrap(), ["one", "two"]);
        let error = run("echo why; exit 3").await.unwrap_err().to_string();
        assert_eq!(error, "test ended with exit status: 3; it said: why");
        let environment = run("env").await.unwrap().join(" ");
        assert!(!environment.contains("CARGO"), "{environment}");
    }

    #[tokio::test]
    async fn a_child_is_signalled_before_it_is_killed() {
        let script = "trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.01; done";
        let command = shell(script, OnDeath::Terminate);
        let child = Child::spawn("test", command, OnDeath::Terminate, Some("up")).await.unwrap();
        child.marker().await;
        assert!(child.pid().is_some());
        let (exit, output) = (child.exit.clone(), child.output.clone());
        child.end(&[(Signal::TERM, Duration::from_secs(5))]).await;
        assert_eq!(*exit.borrow(), Some(success()));
        let mut output = output;
        output.wait_for(|output| output.ended).await.unwrap();
        assert_eq!(output.borrow().last, ["up", "asked"]);
    }

    #[tokio::test]
    async fn a_child_that_ignores_signals_is_killed_and_a_dropped_one_is_signalled() {
        let script = "trap '' TERM; echo up; while :; do sleep 0.01; done";
        let spawn =
            |script, on_death| Child::spawn("test", shell(script, on_death), on_death, Some("up"));
        let child = spawn(script, OnDeath::Terminate).await.unwrap();
        child.marker().await;
        let exit = child.exit.clone();
        child.end(&[(Signal::TERM, Duration::from_millis(50))]).await;
        assert!(exit.borrow().clone().unwrap().contains("signal: 9"));
        let child = spawn("echo up; sleep 60", OnDeath::Terminate).await.unwrap();
        child.marker().await;
        let mut exit = child.exit.clone();
        drop(child);
        exit.wait_for(Option::is_some).await.unwrap();
    }
}
