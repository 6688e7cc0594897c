//! An operator that runs in this process, and can be ended as a process can: politely, or in the middle of anything.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use kube::Config;
use operator::context::Options;
use operator::controller;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::proxy::{Line, Proxy};

/// How long it waits for an answer of the API server.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

pub(crate) struct Operator {
    /// All that it does happens on this runtime of its own: with it, everything ends at once, wherever it stands.
    runtime: Option<Runtime>,
    line: Arc<Line>,
    ending: CancellationToken,
    ended: Option<oneshot::Receiver<Result<()>>>,
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

impl Operator {
    /// Starts one that looks after this namespace, with these arguments on its command line.
    pub(crate) async fn start(proxy: Arc<Proxy>, namespace: &str, arguments: &[String]) -> Result<Operator> {
        let (line, address) = Line::open(proxy).await?;
        let program = std::iter::once("operator".to_owned());
        let options = Cli::try_parse_from(program.chain(arguments.iter().cloned()))?.options;
        let mut config = Config::new(format!("http://{address}").parse()?);
        config.default_namespace = namespace.to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(namespace)
            .enable_all()
            .build()
            .context("a runtime for an operator")?;
        let ending = CancellationToken::new();
        let (sender, ended) = oneshot::channel();
        let token = ending.clone();
        runtime.spawn(async move {
            let run = async {
                let client = controller::client::of(config, PATIENCE)?;
                controller::run_with(client, &options, Arc::default(), token).await
            };
            let _ = sender.send(run.await);
        });
        Ok(Operator { runtime: Some(runtime), line, ending, ended: Some(ended) })
    }

    /// Returns when it is to be taken for dead.
    pub(crate) fn killed(&self) -> impl Future<Output = ()> + use<> {
        self.line.dead.clone().cancelled_owned()
    }

    /// Returns when it has ended by itself, with what it says about that.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        match self.ended.as_mut() {
            Some(ended) => ended.await.context("the operator has panicked")?,
            None => std::future::pending().await,
        }
    }

    /// Tells it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.ending.cancel();
        match self.ended.take() {
            Some(ended) => ended.await.context("the operator was killed, or has panicked")?,
            None => Ok(()),
        }
    }
}

/// Kills it.
impl Drop for Operator {
    fn drop(&mut self) {
        self.line.dead.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
