//! Writes the manual pages and the completions of shells into the folder that it is given, from the command line that the
//! program parses: `cargo run --example manual target/package`.

use std::error::Error;
use std::fs::create_dir_all;
use std::path::PathBuf;

use af_registry::{cli, config};
use clap::Command;
use clap_complete::Shell;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name the folder to write into")?;
    let folder = PathBuf::from(folder);
    let (pages, completions) = (folder.join("man"), folder.join("completions"));
    create_dir_all(&pages)?;
    create_dir_all(&completions)?;
    let mut command = config::command_line(cli::commands());
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command, "af-registry", &completions)?;
    }
    clap_mangen::generate_to(with_title(without_help(command)), &pages)?;
    Ok(())
}

/// Leaves out the command `help`, whose pages would say what the others say.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// Shortens the line that `apropos` shows to the first sentence of the description.
fn with_title(command: Command) -> Command {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let title = about.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
    command.about(title).long_about(about)
}
