//! The way of a span from the end of a request to the collector: a bounded queue, and one task that empties it.
//!
//! The SDK's own batch processor would do, but for two things: it runs a thread with a blocking client beside the
//! runtime that is there, and tells nobody how many spans it dropped.

use std::mem::take;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::OTLP_SPANS;

/// Spans that wait at a time, one to two kilobytes each.
const QUEUE: usize = 2048;
const BATCH: usize = 512;
/// The longest that a span waits for company.
const EVERY: Duration = Duration::from_secs(1);
/// What a delivery that is under way gets when the service ends, and then what is left.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Queue {
    service: &'static str,
    spans: Sender<SpanData>,
}

impl Queue {
    pub(super) fn new(service: &'static str) -> (Self, Receiver<SpanData>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self { service, spans: sender }, receiver)
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    /// Runs in the request: it never waits.
    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            count(self.service, "dropped", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

pub(super) struct Exporting<E> {
    exporter: E,
    spans: Receiver<SpanData>,
    service: &'static str,
    /// A failure is told when it begins and when it ends, not with each batch.
    failing: bool,
}

impl<E: SpanExporter> Exporting<E> {
    pub(super) fn new(exporter: E, spans: Receiver<SpanData>, service: &'static str) -> Self {
        Self { exporter, spans, service, failing: false }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = self.collect(&mut batch) => {}
                () = stop.cancelled() => break,
            }
            if batch.is_empty() {
                return;
            }
            self.send_unless_stopped(take(&mut batch), &stop).await;
            if stop.is_cancelled() {
                break;
            }
        }
        self.flush(batch).await;
    }

    /// Waits for a first span without a timer, so that an idle service sleeps; then a little for more.
    async fn collect(&mut self, batch: &mut Vec<SpanData>) {
        let (spans, least) = (&mut self.spans, batch.len());
        if spans.recv_many(batch, BATCH).await == 0 {
            return;
        }
        let _ = timeout(EVERY, async {
            while batch.len() < least + BATCH
                && spans.recv_many(batch, BATCH - (batch.len() - least)).await > 0
            {}
        })
        .await;
    }

    async fn send_unless_stopped(&mut self, batch: Vec<SpanData>, stop: &CancellationToken) {
        let (service, number) = (self.service, batch.len());
        let mut sending = std::pin::pin!(self.send(batch));
        tokio::select! {
            () = &mut sending => {}
            () = stop.cancelled() => {
                if timeout(FLUSH_WITHIN, sending).await.is_err() {
                    count(service, "failed", number);
                }
            }
        }
    }

    async fn flush(&mut self, mut batch: Vec<SpanData>) {
        self.spans.close();
        while let Ok(span) = self.spans.try_recv() {
            batch.push(span);
        }
        if batch.is_empty() {
            return;
        }
        let (service, number) = (self.service, batch.len());
        if timeout(FLUSH_WITHIN, self.send(batch)).await.is_err() {
            count(service, "failed", number);
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let number = batch.len();
        match self.exporter.export(batch).await {
            Ok(()) => {
                if self.failing {
                    tracing::info!("the OTLP collector takes traces again");
                }
                self.failing = false;
                count(self.service, "sent", number);
            }
            Err(error) => {
                if !self.failing {
                    tracing::warn!(%error, "ORION_OTLP_ENDPOINT: the collector takes no traces; they are lost until it does");
                }
                self.failing = true;
                count(self.service, "failed", number);
            }
        }
    }
}

fn count(service: &'static str, outcome: &'static str, number: usize) {
    metrics::counter!(OTLP_SPANS, "service" => service, "outcome" => outcome).increment(number as u64);
}
