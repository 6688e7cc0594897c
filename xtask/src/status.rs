//! `cargo xtask status`: what is up and where, for people and for programs.

use std::io::{Write, stdout};

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use crate::cli::Output;
use crate::on::Target;

pub const OPERATOR_NAMESPACE: &str = "orion-system";

/// The whole answer; its fields are promised to programs.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// native, kind or current; null when nothing is up.
    pub cluster: Option<String>,
    pub kubeconfig: Option<String>,
    pub gateway_url: Option<String>,
    pub platforms: Vec<Platform>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Platform {
    pub namespace: String,
    pub name: String,
    pub phase: String,
    pub ready: bool,
}

pub fn command(output: Output) -> Result<()> {
    let status = read()?;
    match output {
        Output::Json => writeln!(stdout(), "{}", serde_json::to_string_pretty(&status)?)?,
        Output::Text => write!(stdout(), "{}", text(&status))?,
    }
    Ok(())
}

fn read() -> Result<Status> {
    let Some(target) = Target::last()? else { return Ok(Status::default()) };
    let platforms = platforms(&target)?;
    let gateway_url =
        platforms.iter().find_map(|p| gateway_url(&target, &p.namespace, &p.name).ok().flatten());
    Ok(Status {
        cluster: Some(target.on.to_string()),
        kubeconfig: Some(kubeconfig(&target)),
        gateway_url,
        platforms,
    })
}

fn kubeconfig(target: &Target) -> String {
    let own = target.kubeconfig.as_ref().map(|path| path.display().to_string());
    let home = || format!("{}/.kube/config", std::env::var("HOME").unwrap_or_default());
    own.unwrap_or_else(|| std::env::var("KUBECONFIG").unwrap_or_else(|_| home()))
}

/// All platforms of the cluster; none where the definition is not installed.
pub fn platforms(target: &Target) -> Result<Vec<Platform>> {
    if target.maybe(&["get", "crd", "orionplatforms.orion.dev"])?.is_none() {
        return Ok(vec![]);
    }
    let list = target.json(&["get", "orionplatforms.orion.dev", "--all-namespaces"])?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    Ok(items.iter().map(platform).collect())
}

fn platform(object: &Value) -> Platform {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Platform {
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
        phase: object.pointer("/status/phase").and_then(Value::as_str).unwrap_or("Pending").to_owned(),
        ready: is_ready(object),
    }
}

/// Ready at the generation that is there now, not at an earlier one.
pub fn is_ready(object: &Value) -> bool {
    let current = object.pointer("/status/observedGeneration") == object.pointer("/metadata/generation");
    current && condition(object, "Ready").is_some_and(|c| c["status"] == "True")
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object.pointer("/status/conditions")?.as_array()?.iter().find(|c| c["type"] == kind)
}

/// Where clients reach the gateway from this machine; none when it is not exposed.
pub fn gateway_url(target: &Target, namespace: &str, platform: &str) -> Result<Option<String>> {
    let edge = catalog::SERVICES.iter().find(|s| s.edge).map_or("gateway", |s| s.name);
    let service = catalog::object_name(platform, &format!("{edge}-external"));
    let Some(service) = target.maybe(&["get", "service", &service, "--namespace", namespace])? else {
        return Ok(None);
    };
    let http = |field: &str| {
        let ports = service.pointer("/spec/ports").and_then(Value::as_array)?;
        ports.iter().find(|p| p["name"] == "http")?.get(field)?.as_u64()
    };
    let ingress = service.pointer("/status/loadBalancer/ingress/0");
    if let Some(host) = ingress.and_then(|i| i["ip"].as_str().or_else(|| i["hostname"].as_str())) {
        let port = http("port").unwrap_or(80);
        return Ok(Some(format!("http://{host}:{port}")));
    }
    let Some(port) = http("nodePort") else { return Ok(None) };
    Ok(Some(format!("http://{}:{port}", target.address_of_port(port)?)))
}

fn text(status: &Status) -> String {
    let Some(cluster) = &status.cluster else {
        return "no cluster is up: start one with `cargo xtask up`\n".into();
    };
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
    let mut lines = format!(
        "cluster     {cluster}\nkubeconfig  {}\ngateway     {}\n",
        shown(&status.kubeconfig),
        shown(&status.gateway_url)
    );
    for p in &status.platforms {
        let ready = if p.ready { "ready" } else { "not ready" };
        lines += &format!("platform    {}/{}: {}, {ready}\n", p.namespace, p.name, p.phase);
    }
    if status.platforms.is_empty() {
        lines += "platform    none\n";
    }
    lines
}
