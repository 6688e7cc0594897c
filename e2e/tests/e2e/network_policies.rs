//! Connections denied by default, tried by traffic on nodes that enforce NetworkPolicies: what is meant to be open is,
//! and nothing else, between all pods of a platform, to and from pods that are none of its own, and to what isn't a pod.
//! That the plan is right for every spec is proved by evaluating it; here an implementation of somebody else's reads it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, ensure};
use e2e::traffic::{Source, Target, Via, connected};
use e2e::{Arena, PATIENCE, Place, eventually, scene_policed};
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

/// Pods of the platform: what they listen on, and whom they may reach by the catalog, written out once more.
const UNITS: &[(&str, &[u16], &[&str])] = &[
    ("postgres", &[5432], &[]),
    ("redis", &[6379, 26379], &["redis:6379", "redis:26379", "dns:53", "names"]),
    ("rabbitmq", &[5672, 15672], &[]),
    (
        "auth",
        &[3001, 9000],
        &["postgres:5432", "redis:6379", "redis:26379", "rabbitmq:5672", "dns:53", "names"],
    ),
    (
        "user",
        &[3002, 9000],
        &[
            "postgres:5432",
            "redis:6379",
            "redis:26379",
            "rabbitmq:5672",
            "auth:3001",
            "dns:53",
            "names",
            "mail:10250",
        ],
    ),
    ("gateway", &[3000, 9000], &["redis:6379", "redis:26379", "auth:3001", "user:3002", "dns:53", "names"]),
];

/// What is no pod, and open to everybody whom no policy binds.
const OUTSIDE: &[&str] = &["dns:53", "names", "mail:10250", "api:6443"];

/// Ports that readers of metrics reach, the operator among them.
const MANAGEMENT: &[&str] = &["auth:9000", "user:9000", "gateway:9000"];

const MONITORING: &str = "policies-monitoring";
const INGRESS: &str = "policies-ingress";

/// Pods that aren't the platform's: name, namespace, label, and what of the platform they may reach.
fn strangers(own: &str) -> [(&str, &str, Value, &'static [&'static str]); 5] {
    [
        ("prometheus", MONITORING, json!({"app": "prometheus"}), MANAGEMENT),
        ("neighbour-of-prometheus", MONITORING, json!({"app": "dashboard"}), &[]),
        ("ingress-controller", INGRESS, json!({}), &["gateway:3000"]),
        // Labelled like one of the platform's own, in another namespace.
        (
            "impostor",
            INGRESS,
            json!({"app.kubernetes.io/name": "auth", "app.kubernetes.io/instance": "orion"}),
            &["gateway:3000"],
        ),
        ("neighbour", own, json!({}), &[]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_meant_to_be_open_is_and_nothing_else() -> Result<()> {
    scene_policed("network-policies", 2, async |arena| {
        for (name, namespace, labels, _) in strangers(&arena.namespace) {
            bring(arena, name, namespace, labels).await?;
        }
        let node = *arena.ground.cluster.node_ips().first().context("a cluster without a node")?;
        // From the start: all that makes a platform ready has to go through them.
        arena.apply(spec(node)).await?;
        arena.until_ready().await?;

        let (sources, targets) = (sources(arena).await?, targets(arena, node).await?);
        let meant = meant(&sources, &targets, &arena.namespace);
        ensure_variety(&sources, &targets, &meant)?;
        only_these_connect(&sources, &targets, &meant).await.context("with policies")?;

        // What was refused is there, and it was a policy that refused it.
        arena.edit(json!({"networkPolicies": {"enabled": false}})).await?;
        only_these_connect(&sources, &targets, &all(&sources, &targets)).await.context("without policies")
    })
    .await
}

fn spec(mail: IpAddr) -> Value {
    json!({
        // Several pods that may reach each other.
        "redis": {"sentinel": {}},
        // One on each node: neither may reach the other.
        "services": [{"name": "auth", "replicas": 2}, {"name": "user", "egressCIDRs": [format!("{mail}/32")]}],
        "networkPolicies": {
            "scrapeFrom": [{"namespaceLabels": {"kubernetes.io/metadata.name": MONITORING}, "podLabels": {"app": "prometheus"}}],
            "ingressFrom": [{"namespaceLabels": {"kubernetes.io/metadata.name": INGRESS}}],
        },
    })
}

/// Makes a pod that does nothing, and its namespace.
async fn bring(arena: &Arena, name: &str, namespace: &str, labels: Value) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(arena.client.clone());
    if namespaces.get_opt(namespace).await?.is_none() {
        Place::new(arena.client.clone(), namespace, PATIENCE).await?;
    }
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "main", "image": "orion.test/pause:1",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    });
    let pods: Api<Pod> = Api::namespaced(arena.client.clone(), namespace);
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await.context("make a stranger")?;
    Ok(())
}

/// All that tries: pods of every unit, the operator's, and the strangers.
async fn sources(arena: &Arena) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (unit, ..) in UNITS {
        for pod in arena.pods(unit).await? {
            sources.push(Source::new(unit, &pod)?);
        }
    }
    for pod in arena.operators().await? {
        sources.push(Source::new("operator", &pod)?);
    }
    for (name, namespace, ..) in strangers(&arena.namespace) {
        let pods: Api<Pod> = Api::namespaced(arena.client.clone(), namespace);
        let pod = eventually("a stranger runs", async || {
            let pod = pods.get(name).await?;
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            Ok((phase == Some("Running")).then_some(pod))
        });
        sources.push(Source::new(name, &pod.await?)?);
    }
    Ok(sources)
}

/// All that is tried: every port of every pod of the platform, and what is no pod.
async fn targets(arena: &Arena, node: IpAddr) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for (unit, ports, _) in UNITS {
        for pod in arena.pods(unit).await? {
            let address: IpAddr = Source::new(unit, &pod)?.ip.parse()?;
            targets.extend(ports.iter().map(|port| target(unit, address, *port)));
        }
    }
    let slices: Api<EndpointSlice> = Api::namespaced(arena.client.clone(), "default");
    let mut api = slices
        .get("kubernetes")
        .await?
        .endpoints
        .into_iter()
        .flatten()
        .flat_map(|endpoint| endpoint.addresses);
    targets.push(target("api", api.next().context("no API server")?.parse()?, 6443));
    targets.push(target("mail", node, 10250));
    let services: Api<Service> = Api::namespaced(arena.client.clone(), "kube-system");
    let dns =
        services.get("kube-dns").await?.spec.and_then(|spec| spec.cluster_ip).context("no names service")?;
    let dns = target("dns", dns.parse()?, 53);
    targets.push(Target { name: "names".into(), via: Via::Names, ..dns.clone() });
    targets.push(dns);
    Ok(targets)
}

fn target(name: &str, address: IpAddr, port: u16) -> Target {
    Target { name: format!("{name}:{port}"), address: SocketAddr::new(address, port), via: Via::Tcp }
}

type Pairs = BTreeSet<(usize, usize)>;

fn all(sources: &[Source], targets: &[Target]) -> Pairs {
    let pairs = (0..sources.len()).flat_map(|from| (0..targets.len()).map(move |to| (from, to)));
    pairs.filter(|(from, to)| sources[*from].ip != targets[*to].address.ip().to_string()).collect()
}

fn meant(sources: &[Source], targets: &[Target], own: &str) -> Pairs {
    let strangers = strangers(own);
    all(sources, targets)
        .into_iter()
        .filter(|(from, to)| {
            let (from, to) = (sources[*from].name.as_str(), targets[*to].name.as_str());
            if let Some((_, _, open)) = UNITS.iter().find(|(unit, ..)| *unit == from) {
                return open.contains(&to);
            }
            let stranger = strangers.iter().find(|(name, ..)| *name == from);
            let open = stranger.map_or(MANAGEMENT, |(.., open)| open);
            open.contains(&to) || OUTSIDE.contains(&to)
        })
        .collect()
}

/// Packets go different ways within a node and between two: both kinds must be among what is open and what isn't.
fn ensure_variety(sources: &[Source], targets: &[Target], meant: &Pairs) -> Result<()> {
    let node_of = |target: &Target| {
        let ip = target.address.ip().to_string();
        sources.iter().find(|source| source.ip == ip).map(|source| source.node.as_str())
    };
    let mut kinds = BTreeSet::new();
    for (from, to) in all(sources, targets) {
        if let Some(node) = node_of(&targets[to]) {
            kinds.insert((node == sources[from].node, meant.contains(&(from, to))));
        }
    }
    ensure!(kinds.len() == 4, "pairs (within a node, open) are of these kinds only: {kinds:?}");
    Ok(())
}

/// Tries until it is so: policies reach the nodes a moment after the API server.
async fn only_these_connect(sources: &[Source], targets: &[Target], meant: &Pairs) -> Result<()> {
    let tried = all(sources, targets).len();
    eventually("exactly what is meant is open", async || {
        let open = connected(sources, targets).await?;
        let told = |(from, to): &(usize, usize)| {
            let (source, target) = (&sources[*from], &targets[*to]);
            format!("  {} on {} -> {} at {}", source.name, source.node, target.name, target.address)
        };
        let list = |a: &Pairs, b: &Pairs| a.difference(b).map(told).collect::<Vec<_>>().join("\n");
        ensure!(
            open == *meant,
            "of {tried} pairs, open and not meant:\n{}\nmeant and not open:\n{}",
            list(&open, meant),
            list(meant, &open)
        );
        Ok(Some(()))
    })
    .await?;
    eprintln!("network-policies: {tried} pairs tried, {} open, as meant", meant.len());
    Ok(())
}
