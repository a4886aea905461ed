//! The `af-registry` program: settings, log, runtime, [`app::run`], exit code.

use std::process::ExitCode;

use af_registry::app;
use af_registry::config::{Config, ConfigError};
use af_registry::telemetry::log;

fn main() -> ExitCode {
    let config = match Config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(config) => config,
        Err(ConfigError::Asked(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(&error),
    };
    if let Err(error) = log::init(config.log.format, &config.log.filter) {
        return failed(&error);
    }
    // One event between two looks at the sockets: a large body must not keep small requests waiting.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(1).build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(app::run(config)),
        Err(error) => return failed(&error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// One line that says what and how to mend it.
fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("af-registry: {error}");
    ExitCode::FAILURE
}
