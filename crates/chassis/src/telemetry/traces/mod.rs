//! Traces for an OpenTelemetry collector: a span of each request, and one of each call to another service.
//!
//! Nothing of it exists unless `ORION_OTLP_ENDPOINT` is set. A collector that is away or slow costs spans, never a
//! request: spans wait in a bounded queue, and what does not fit is dropped and counted.

mod export;
mod spans;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, SpanExporter as _};
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use export::{Exporting, Queue};
pub use spans::Call;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One attempt to deliver a batch.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// All attempts with one batch, and the waits between them.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Begins spans. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    tracer: SdkTracer,
}

impl Traces {
    /// None if no collector is set; else also the work that delivers, to be run until the service ends.
    pub(crate) fn start(
        service: &'static catalog::Service,
        version: &'static str,
        settings: &Settings,
        stop: CancellationToken,
    ) -> Result<Option<(Self, impl Future<Output = ()> + Send + 'static)>, String> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
        let resource = resource(service, version, settings);
        let mut exporter = exporter(endpoint)?;
        exporter.set_resource(&resource);
        let (queue, spans) = Queue::new(service.name);
        // A caller that has decided whether its trace is recorded has decided for the whole of it.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.otlp_sample_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler)
            .with_span_processor(queue)
            .build();
        let exporting = Exporting::new(exporter, spans, service.name);
        Ok(Some((Self { tracer: provider.tracer("orion") }, exporting.run(stop))))
    }
}

fn exporter(endpoint: &Url) -> Result<SpanExporter, String> {
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ATTEMPT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())?;
    SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        .with_endpoint(format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/')))
        .build()
        .map_err(|error| error.to_string())
}

/// Who exports, in the names of the semantic conventions. `OTEL_RESOURCE_ATTRIBUTES` may add to it.
fn resource(service: &catalog::Service, version: &'static str, settings: &Settings) -> Resource {
    let name = catalog::object_name(&settings.platform, service.name);
    let mut attributes = vec![
        KeyValue::new("service.namespace", settings.namespace.clone()),
        KeyValue::new("service.version", version),
        // Of this process: a restarted container is another instance in the same pod.
        KeyValue::new("service.instance.id", contracts::new_id().to_string()),
    ];
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        attributes.push(KeyValue::new("k8s.namespace.name", settings.namespace.clone()));
        attributes.push(KeyValue::new("k8s.deployment.name", name.clone()));
        // A container's host name is its pod's name.
        attributes.extend(std::env::var("HOSTNAME").ok().map(|pod| KeyValue::new("k8s.pod.name", pod)));
    }
    Resource::builder().with_service_name(name).with_attributes(attributes).build()
}
