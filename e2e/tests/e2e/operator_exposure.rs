//! Ways in that change while the platform runs, through kinds that the cluster may not have yet; and connections denied
//! by default without a pod being touched.

use anyhow::{Context, Result, ensure};
use e2e::{Arena, eventually, scene, status};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt};
use operator::api::{OrionPlatform, Phase};
use serde_json::{Value, json};

const GATEWAY: &str = "orion-gateway";
const EXTERNAL: &str = "orion-gateway-external";
const ROUTES: &str = "httproutes.gateway.networking.k8s.io";

#[tokio::test(flavor = "multi_thread")]
async fn a_way_in_follows_the_spec_through_kinds_that_come_and_go() -> Result<()> {
    scene("operator-exposure", async |arena| {
        remove_the_definition(arena).await?;
        arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
        arena.until("it is known where it is reached", |p| url(p).starts_with("http://NODE:3")).await?;
        arena.until_ready().await?;
        let operators = names_of_operators(arena).await?;
        without_its_kind_it_is_stalled_and_keeps_what_it_has(arena).await?;
        with_its_kind_it_goes_on(arena).await?;
        the_kind_goes_and_nothing_else_does(arena).await?;
        an_ingress_takes_its_place_and_a_port_that_of_the_ingress(arena).await?;
        ensure!(names_of_operators(arena).await? == operators, "it took a restart of the operator");
        Ok(())
    })
    .await
}

/// An exposure as the only one: a merge patch keeps what it doesn't name.
fn only(exposure: Value) -> Value {
    let mut all = json!({"nodePort": null, "ingress": null, "gatewayApi": null});
    all.as_object_mut().expect("an object").extend(exposure.as_object().cloned().unwrap_or_default());
    json!({"exposure": all})
}

fn through_a_gateway() -> Value {
    only(json!({"gatewayApi": {"hosts": ["shop.example.com"], "parentRefs": [{"name": "public"}]}}))
}

fn url(platform: &OrionPlatform) -> &str {
    platform.status.as_ref().and_then(|status| status.url.as_deref()).unwrap_or_default()
}

fn lacks_the_kind(platform: &OrionPlatform) -> bool {
    let reason =
        status::condition(platform, "Stalled").filter(|c| c.status == "True").map(|c| c.reason.as_str());
    let message = platform.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default();
    let phase = platform.status.as_ref().and_then(|status| status.phase);
    status::observed(platform) == platform.metadata.generation
        && (phase, reason) == (Some(Phase::Stalled), Some("MissingKind"))
        && message.starts_with("gateway: ")
        && message.contains(ROUTES)
        && message.contains("install the Gateway API")
}

async fn names_of_operators(arena: &Arena) -> Result<Vec<String>> {
    Ok(arena.operators().await?.iter().map(ResourceExt::name_any).collect())
}

async fn without_its_kind_it_is_stalled_and_keeps_what_it_has(arena: &Arena) -> Result<()> {
    arena.edit(through_a_gateway()).await?;
    arena.until("it says what to install", lacks_the_kind).await?;
    let services = arena.api::<Service>();
    services.get(EXTERNAL).await.context("the old way in is there until the new one is")?;
    // What runs is mended all the same.
    services.delete(GATEWAY, &DeleteParams::default()).await?;
    eventually("the gateway's Service comes back", async || Ok(services.get_opt(GATEWAY).await?)).await?;
    Ok(())
}

async fn with_its_kind_it_goes_on(arena: &Arena) -> Result<()> {
    definitions(arena).create(&PostParams::default(), &definition()?).await.context("bring the kind")?;
    let routes = routes(arena);
    let route = eventually("there is a route", async || Ok(routes.get_opt(GATEWAY).await?)).await?;
    assert_eq!(route.data["spec"]["hostnames"], json!(["shop.example.com"]));
    assert_eq!(route.data["spec"]["rules"][0]["backendRefs"][0]["name"], GATEWAY);
    arena
        .until("it is ready, behind the Gateway", |p| status::is_ready(p) && url(p) == "shop.example.com")
        .await?;
    let services = arena.api::<Service>();
    eventually("the old way in is gone", async || {
        Ok(services.get_opt(EXTERNAL).await?.is_none().then_some(()))
    })
    .await?;
    routes.delete(GATEWAY, &DeleteParams::default()).await?;
    eventually("a route that is deleted comes back", async || {
        Ok(routes.get_opt(GATEWAY).await?.filter(|again| again.uid() != route.uid()))
    })
    .await?;
    Ok(())
}

async fn the_kind_goes_and_nothing_else_does(arena: &Arena) -> Result<()> {
    let before = arena.api::<Deployment>().get(GATEWAY).await?.metadata.generation;
    remove_the_definition(arena).await?;
    arena.until("it says that the kind is gone", lacks_the_kind).await?;
    assert_eq!(arena.api::<Deployment>().get(GATEWAY).await?.metadata.generation, before);
    Ok(())
}

async fn an_ingress_takes_its_place_and_a_port_that_of_the_ingress(arena: &Arena) -> Result<()> {
    let ingress = json!({
        "className": "nginx", "host": "shop.example.com", "annotations": {"example.com/a": "b"},
        "tls": {"secretName": "shop-tls"},
    });
    arena.edit(only(json!({"ingress": ingress}))).await?;
    arena
        .until("it is ready, behind the Ingress", |p| {
            status::is_ready(p) && url(p) == "https://shop.example.com"
        })
        .await?;
    let ingresses = arena.api::<Ingress>();
    let made = ingresses.get(GATEWAY).await?;
    assert_eq!(made.annotations().get("example.com/a").map(String::as_str), Some("b"));
    let spec = made.spec.context("an Ingress has a spec")?;
    assert_eq!(spec.ingress_class_name.as_deref(), Some("nginx"));
    let secrets: Vec<_> = spec.tls.into_iter().flatten().filter_map(|tls| tls.secret_name).collect();
    assert_eq!(secrets, ["shop-tls"]);

    arena.edit(only(json!({"nodePort": {}}))).await?;
    arena
        .until("it is ready, on a port", |p| status::is_ready(p) && url(p).starts_with("http://NODE:3"))
        .await?;
    eventually("the Ingress is gone", async || Ok(ingresses.get_opt(GATEWAY).await?.is_none().then_some(())))
        .await
}

fn routes(arena: &Arena) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    Api::namespaced_with(arena.client.clone(), &arena.namespace, &ApiResource::from_gvk(&kind))
}

fn definitions(arena: &Arena) -> Api<CustomResourceDefinition> {
    Api::all(arena.client.clone())
}

async fn remove_the_definition(arena: &Arena) -> Result<()> {
    let definitions = definitions(arena);
    if definitions.get_opt(ROUTES).await?.is_some() {
        definitions.delete(ROUTES, &DeleteParams::default()).await?;
    }
    eventually("the kind is gone", async || Ok(definitions.get_opt(ROUTES).await?.is_none().then_some(())))
        .await
}

/// Group, version, kind and fields as the Gateway API has them, as far as the operator sets them.
fn definition() -> Result<CustomResourceDefinition> {
    let text = json!({"type": "string"});
    let reference = json!({"type": "object", "required": ["name"], "properties": {
        "group": {"type": "string", "default": "gateway.networking.k8s.io"},
        "kind": {"type": "string", "default": "Gateway"},
        "name": text, "namespace": text, "sectionName": text,
    }});
    let backend = json!({"type": "object", "required": ["name"], "properties": {
        "group": {"type": "string", "default": ""}, "kind": {"type": "string", "default": "Service"},
        "name": text, "port": {"type": "integer", "format": "int32"},
        "weight": {"type": "integer", "format": "int32", "default": 1},
    }});
    let matched = json!({"type": "object", "properties": {"path": {"type": "object", "properties": {
        "type": {"type": "string", "default": "PathPrefix"}, "value": {"type": "string", "default": "/"},
    }}}});
    let rule = json!({"type": "object", "properties": {
        "backendRefs": {"type": "array", "items": backend},
        "matches": {"type": "array", "items": matched, "default": [{"path": {"type": "PathPrefix", "value": "/"}}]},
    }});
    let spec = json!({"type": "object", "properties": {
        "hostnames": {"type": "array", "items": text}, "parentRefs": {"type": "array", "items": reference},
        "rules": {"type": "array", "items": rule},
    }});
    let status = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    Ok(serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        // The API server wants it of whoever defines kinds in a group of Kubernetes' own.
        "metadata": {"name": ROUTES, "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
        "spec": {
            "group": "gateway.networking.k8s.io",
            "names": {"kind": "HTTPRoute", "listKind": "HTTPRouteList", "plural": "httproutes", "singular": "httproute"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
            }],
        },
    }))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_denied_by_default_without_a_pod_being_touched() -> Result<()> {
    scene("operator-policies", async |arena| {
        arena.apply(json!({})).await?;
        arena.until_ready().await?;
        let pods = pods(arena).await?;
        // As a person writes it, with bits that the length leaves out.
        arena.edit(json!({"networkPolicies": {"egressCIDRs": ["10.20.30.40/16"]}})).await?;
        let policies = arena.api::<NetworkPolicy>();
        let wanted = catalog::STORES.len() + catalog::SERVICES.len() + 1;
        eventually("every part has its policy", async || {
            Ok((policies.list(&ListParams::default()).await?.items.len() == wanted).then_some(()))
        })
        .await?;
        arena.until_ready().await?;
        policies.delete("orion-postgres", &DeleteParams::default()).await?;
        eventually("a policy that is deleted comes back", async || {
            Ok(policies.get_opt("orion-postgres").await?)
        })
        .await?;
        arena.edit(json!({"networkPolicies": {"enabled": false}})).await?;
        eventually("they are gone", async || {
            Ok(policies.list(&ListParams::default()).await?.items.is_empty().then_some(()))
        })
        .await?;
        arena.until_ready().await?;
        assert_eq!(self::pods(arena).await?, pods);
        Ok(())
    })
    .await
}

/// The platform's pods, each as the one that it is.
async fn pods(arena: &Arena) -> Result<Vec<Option<String>>> {
    let own = ListParams::default().labels("app.kubernetes.io/managed-by=orion-operator");
    let mut pods: Vec<_> = arena.api::<Pod>().list(&own).await?.iter().map(ResourceExt::uid).collect();
    pods.sort();
    Ok(pods)
}
