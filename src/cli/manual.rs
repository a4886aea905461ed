//! Manual pages, and completions of shells, from the command line that the program parses.

use std::fs::create_dir_all;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use super::answer::{Answer, Form};
use super::arguments::verb;
use super::error::CliError;

/// The name of the command.
pub(super) const NAME: &str = "manual";

/// The command line that names the folder to write into.
pub(super) fn command() -> Command {
    let folder = Arg::new("folder")
        .value_name("FOLDER")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("Folder to write into. The pages go to man/ and the completions to completions/.");
    verb(NAME, "Write the manual pages, and completions for bash, fish and zsh, into a folder")
        .arg(folder)
}

/// Writes what describes `program`.
pub(super) fn run(program: Command, arguments: &ArgMatches) -> Result<ExitCode, CliError> {
    let folder = arguments.get_one::<PathBuf>("folder").cloned().unwrap_or_default();
    if let Err(source) = write(program, &folder) {
        return Err(CliError::Manual { folder: folder.display().to_string(), source });
    }
    Answer::done("wrote", &folder.display()).write(Form::of(arguments))
}

fn write(mut program: Command, folder: &Path) -> io::Result<()> {
    let (pages, completions) = (folder.join("man"), folder.join("completions"));
    create_dir_all(&pages)?;
    create_dir_all(&completions)?;
    // First, because completions add the commands `help` to what they are given.
    clap_mangen::generate_to(with_title(without_help(program.clone())), &pages)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut program, env!("CARGO_PKG_NAME"), &completions)?;
    }
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

#[cfg(test)]
mod tests {
    use std::fs::{read_dir, read_to_string};

    use super::*;
    use crate::config::command_line;

    #[test]
    fn every_setting_is_in_the_page_and_every_command_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let noun = Command::new("noun").subcommand(Command::new("verb"));
        write(command_line([command(), noun]), folder.path()).unwrap();
        let mut pages: Vec<_> = read_dir(folder.path().join("man"))
            .unwrap()
            .map(|page| page.unwrap().file_name().into_string().unwrap())
            .collect();
        pages.sort_unstable();
        let names = ["-manual", "-noun-verb", "-noun", ""];
        assert_eq!(pages, names.map(|name| format!("af-registry{name}.1")));
        let page = read_to_string(folder.path().join("man/af-registry.1")).unwrap();
        assert!(page.contains("OPEN_REGISTRY_DB_HOST"), "{page}");
        let page = read_to_string(folder.path().join("man/af-registry-manual.1")).unwrap();
        assert!(page.contains("FOLDER"), "{page}");
        for name in ["af-registry.bash", "af-registry.fish", "_af-registry"] {
            let completions = read_to_string(folder.path().join("completions").join(name)).unwrap();
            assert!(completions.contains("manual"), "{name}");
        }
        assert!(write(command_line([]), &folder.path().join("man/af-registry.1")).is_err());
    }
}
