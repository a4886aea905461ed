//! The program, alone or with a socket, as systemd passes one.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// The program without a socket and without input.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_af-registry"));
    command.stdin(Stdio::null());
    command
}

/// The program with one socket, as descriptor 3.
pub(crate) fn program_on(socket: OwnedFd) -> Command {
    const SCRIPT: &str = r#"export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@" 3<&0 </dev/null"#;
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, env!("CARGO_BIN_EXE_af-registry")]);
    command.stdin(Stdio::from(socket));
    command
}
