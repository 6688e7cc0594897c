//! The process around a service: arguments, environment, signals, and the last words of a failed start.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::{self, Reader, Settings};
use crate::service::Service;
use crate::start::{StartError, start};
use crate::telemetry;

const DEFAULT_TERMINATION_LOG: &str = "/dev/termination-log";
/// The configuration is wrong: starting again will not help (sysexits' EX_CONFIG).
const EXIT_CONFIG: u8 = 78;

/// The whole `main` of a service.
pub fn main<S: Service>() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--help" | "-h") => return say(&usage::<S>()),
        Some("--version" | "-V") => return say(&format!("{} {}\n", S::NAME, S::VERSION)),
        Some(other) => {
            eprintln!("{}: {other}: there is no such argument; see --help", S::NAME);
            return ExitCode::from(2);
        }
    }
    let log = std::env::var("ORION_TERMINATION_LOG").unwrap_or_else(|_| DEFAULT_TERMINATION_LOG.to_owned());
    let (settings, own) = match read::<S>(Reader::from_process()) {
        Ok(settings) => settings,
        Err(errors) => {
            for error in &errors.0 {
                eprintln!("{}: {error}", S::NAME);
            }
            last_words(Path::new(&log), &format!("configuration: {errors}"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match run::<S>(settings, own) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the start failed");
            eprintln!("{}: {error}", S::NAME);
            last_words(Path::new(&log), &error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// All settings of a service: the common ones and its own; or all that is wrong with them.
pub fn read<S: Service>(mut reader: Reader) -> Result<(Settings, S::Settings), config::ConfigErrors> {
    let service = catalog::service(S::NAME)
        .ok_or_else(|| config::ConfigErrors(vec![format!("{} is not in the catalog", S::NAME)]))?;
    let settings = Settings::read(&mut reader, service);
    let own = S::settings(&mut reader);
    let finished = reader.finish();
    match (settings, own, finished) {
        (Ok(settings), Ok(own), Ok(())) => Ok((settings, own)),
        (_, _, Err(errors)) => Err(errors),
        _ => Err(config::ConfigErrors(vec!["a setting is wrong".to_owned()])),
    }
}

fn run<S: Service>(settings: Settings, own: S::Settings) -> Result<(), StartError> {
    telemetry::start_logs(S::NAME, S::VERSION, &settings.log).map_err(StartError)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("runtime: {error}")))?;
    runtime.block_on(async {
        let mut told_to_stop = std::pin::pin!(told_to_stop()?);
        let running = tokio::select! {
            // Nothing has been promised to anybody yet.
            () = &mut told_to_stop => return Ok(()),
            running = start::<S>(settings, own, Clock::system()) => running?,
        };
        told_to_stop.await;
        running.stop().await;
        Ok(())
    })
}

fn told_to_stop() -> Result<impl Future<Output = ()>, StartError> {
    let listen = |kind| signal(kind).map_err(|error| StartError(format!("signals: {error}")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn usage<S: Service>() -> String {
    let mut reader = Reader::new([]);
    if let Some(service) = catalog::service(S::NAME) {
        let _ = Settings::read(&mut reader, service);
        let _ = S::settings(&mut reader);
        return config::usage(service, S::VERSION, &reader);
    }
    String::new()
}

fn say(text: &str) -> ExitCode {
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// What Kubernetes shows as the reason; one line. Outside of a container there is no such file, and none is made.
fn last_words(file: &Path, words: &str) {
    let line = words.replace('\n', " ");
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).truncate(true).open(file) {
        let _ = file.write_all(line.as_bytes());
    }
}
