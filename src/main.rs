//! The `af-registry` program. It reads the settings, then runs the server ([`app::run`]) or a command ([`cli`]).

use std::error::Error;
use std::ffi::c_void;
use std::process::ExitCode;

use af_registry::app::runtime::Threads;
use af_registry::config::{Config, ConfigError, Invocation};
use af_registry::net::Inherited;
use af_registry::telemetry::log;
use af_registry::{app, cli};

/// Links jemalloc, which takes the place of the C library's allocator. It gives memory that is no longer used back to the
/// system after ten seconds; the C library keeps what a thousand readers needed for ever.
#[used]
static MALLOC: unsafe extern "C" fn(usize) -> *mut c_void = tikv_jemalloc_sys::malloc;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        // Each error is one line that says what is wrong and how to fix it.
        Err(error) => {
            eprintln!("af-registry: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    let (args, env) = (std::env::args_os(), std::env::vars_os());
    let Invocation { config, command } = match Invocation::read(args, env, cli::commands()) {
        Err(ConfigError::Asked(text)) => {
            print!("{text}");
            return Ok(ExitCode::SUCCESS);
        }
        invocation => invocation?,
    };
    match command {
        None => serve(config).map(|()| ExitCode::SUCCESS),
        // A command writes no log. It prints its answer or its error.
        Some((noun, arguments)) => {
            Ok(Threads::start()?.block_on(cli::run(&config, &noun, &arguments))?)
        }
    }
}

fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    // Dropped last, also after a panic, so that every line is written.
    let _log = log::init(config.log.format, &config.log.filter)?;
    let inherited = Inherited::of_process()?;
    Ok(Threads::start()?.block_on(app::run(config, inherited))?)
}
