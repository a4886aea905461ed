//! The `af-registry` program: settings, log, runtime, [`app::run`] or a command of [`cli`], exit code.

use std::error::Error;
use std::process::ExitCode;

use af_registry::config::{Config, ConfigError, Invocation};
use af_registry::telemetry::log;
use af_registry::{app, cli};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // One line that says what and how to mend it.
        Err(error) => {
            eprintln!("af-registry: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (args, env) = (std::env::args_os(), std::env::vars_os());
    let Invocation { config, command } = match Invocation::read(args, env, cli::commands()) {
        Err(ConfigError::Asked(text)) => {
            print!("{text}");
            return Ok(());
        }
        invocation => invocation?,
    };
    match command {
        None => serve(config),
        // Without a log: what there is to say is the answer, or the error.
        Some((noun, arguments)) => Ok(runtime()?.block_on(cli::run(&config, &noun, &arguments))?),
    }
}

fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    log::init(config.log.format, &config.log.filter)?;
    Ok(runtime()?.block_on(app::run(config))?)
}

/// One event between two looks at the sockets: a large body must not keep small requests waiting.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().event_interval(1).build()
}
