//! Where clients outside the cluster reach the gateway, from what is planned and what the cluster made of it. Pure.

use crate::controller::cache::{Children, label};
use crate::controller::observe::{Observed, find};
use crate::plan::EXPOSURE_LABEL;
use serde_json::Value;

/// None where there is no way in, or where nobody knows yet. One that is still there while what is to take its place
/// can't be made counts too.
pub fn url(units: &[Observed], children: &Children) -> Option<String> {
    let planned = units.iter().flat_map(|unit| &unit.objects).filter_map(|object| find(children, object));
    let left = children.values().map(AsRef::as_ref);
    planned.chain(left).find_map(of)
}

fn of(object: &Value) -> Option<String> {
    match object["kind"].as_str()? {
        "Service" if label(object, EXPOSURE_LABEL).is_some() => of_service(object),
        "Ingress" => of_ingress(object),
        "HTTPRoute" => of_route(object),
        _ => None,
    }
}

fn of_service(service: &Value) -> Option<String> {
    let port = &service["spec"]["ports"][0];
    if service["spec"]["type"] == "NodePort" {
        return Some(format!("http://NODE:{}", port["nodePort"].as_u64()?));
    }
    let at = &service["status"]["loadBalancer"]["ingress"][0];
    let host = at["hostname"].as_str().or(at["ip"].as_str()).filter(|host| !host.is_empty())?;
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Some(match port["port"].as_u64()? {
        80 => format!("http://{host}"),
        443 => format!("https://{host}"),
        other => format!("http://{host}:{other}"),
    })
}

fn of_ingress(ingress: &Value) -> Option<String> {
    let scheme = if ingress["spec"]["tls"].is_array() { "https" } else { "http" };
    let rule = &ingress["spec"]["rules"][0];
    let path = rule["http"]["paths"][0]["path"].as_str().filter(|path| *path != "/").unwrap_or_default();
    Some(format!("{scheme}://{}{path}", rule["host"].as_str()?))
}

fn of_route(route: &Value) -> Option<String> {
    route["spec"]["hostnames"][0].as_str().map(str::to_owned)
}
