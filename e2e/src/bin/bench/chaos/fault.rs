//! What is broken, and by what one sees that it is no longer.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use e2e::arena::{OPERATOR, PLATFORM};
use e2e::{Arena, crash};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::AWAY;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    ServiceDeleted,
    ServiceKilled,
    StoreDeleted,
    StoreKilled,
    OperatorKilled,
    WorkloadDeleted,
    ObjectDeleted,
    NodeLost,
}

impl Kind {
    pub(super) const ALL: [Kind; 8] = [
        Kind::ServiceDeleted,
        Kind::ServiceKilled,
        Kind::StoreDeleted,
        Kind::StoreKilled,
        Kind::OperatorKilled,
        Kind::WorkloadDeleted,
        Kind::ObjectDeleted,
        Kind::NodeLost,
    ];

    pub(super) fn told(self) -> &'static str {
        match self {
            Kind::ServiceDeleted => "a service's pod deleted",
            Kind::ServiceKilled => "a service's pod killed",
            Kind::StoreDeleted => "a store's pod deleted",
            Kind::StoreKilled => "a store's pod killed",
            Kind::OperatorKilled => "the operator killed",
            Kind::WorkloadDeleted => "a Deployment or StatefulSet deleted",
            Kind::ObjectDeleted => "another object deleted",
            Kind::NodeLost => "a node lost",
        }
    }
}

/// What runs pods.
const WORKLOADS: &[(&str, &str, &str)] = &[("apps", "v1", "Deployment"), ("apps", "v1", "StatefulSet")];

/// All else that the operator makes, but for claims: whoever deletes those wants the data gone.
const OTHERS: &[(&str, &str, &str)] = &[
    ("", "v1", "ConfigMap"),
    ("", "v1", "Secret"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("policy", "v1", "PodDisruptionBudget"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
];

pub(super) struct Broken {
    pub(super) what: String,
    mended: Mended,
}

enum Mended {
    /// None of the unit's pods is the one that was broken.
    Replaced { unit: String, was: (String, i32) },
    /// Another operator leads.
    Led { was: Option<String> },
    /// It is there, and another.
    Remade { api: Box<Api<DynamicObject>>, name: String, was: Option<String> },
    /// The cluster has noticed, and no pod is there that is not on its way out.
    Moved,
}

pub(super) async fn commit(arena: &Arena, kind: Kind, random: &mut StdRng) -> Result<Broken> {
    let services: Vec<&str> = catalog::SERVICES.iter().map(|service| service.name).collect();
    let stores: Vec<&str> = catalog::STORES.iter().map(|store| store.name).collect();
    match kind {
        Kind::ServiceDeleted => pod(arena, &services, false, random).await,
        Kind::ServiceKilled => pod(arena, &services, true, random).await,
        Kind::StoreDeleted => pod(arena, &stores, false, random).await,
        Kind::StoreKilled => pod(arena, &stores, true, random).await,
        Kind::OperatorKilled => {
            let was = leader(arena).await?;
            arena.kill_operator().await?;
            Ok(Broken { what: "the operator".into(), mended: Mended::Led { was } })
        }
        Kind::WorkloadDeleted => object(arena, WORKLOADS, random).await,
        Kind::ObjectDeleted => object(arena, OTHERS, random).await,
        Kind::NodeLost => {
            arena.ground.cluster.lose_node(AWAY).await?;
            Ok(Broken { what: format!("the node {AWAY}"), mended: Mended::Moved })
        }
    }
}

/// Deletes a pod of one of these units, as a drain does, or kills its processes where they are.
async fn pod(arena: &Arena, units: &[&str], kill: bool, random: &mut StdRng) -> Result<Broken> {
    let unit = *units.choose(random).context("a unit")?;
    let mut pods = arena.pods(unit).await?;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    let pod = pods.choose(random).with_context(|| format!("{unit} has no pod"))?;
    let mended = Mended::Replaced { unit: unit.to_owned(), was: life(pod) };
    if kill {
        crash::kill_containers(pod)?;
    } else {
        arena.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default()).await?;
    }
    Ok(Broken { what: unit.to_owned(), mended })
}

/// One life of a pod's container.
fn life(pod: &Pod) -> (String, i32) {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    (pod.uid().unwrap_or_default(), statuses.map(|status| status.restart_count).sum())
}

async fn object(arena: &Arena, kinds: &[(&str, &str, &str)], random: &mut StdRng) -> Result<Broken> {
    let own = format!("app.kubernetes.io/managed-by=orion-operator,app.kubernetes.io/instance={PLATFORM}");
    let mut all = Vec::new();
    for (group, version, kind) in kinds {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api = Api::<DynamicObject>::namespaced_with(arena.client.clone(), &arena.namespace, &resource);
        let list = api.list(&ListParams::default().labels(&own)).await?;
        all.extend(list.items.into_iter().map(|object| (*kind, api.clone(), object)));
    }
    let irreplaceable = irreplaceable();
    all.retain(|(kind, _, object)| *kind != "Secret" || !irreplaceable.contains(&object.name_any()));
    all.sort_by_key(|(kind, _, object)| (*kind, object.name_any()));
    let (kind, api, object) = all.choose(random).context("nothing is the operator's")?;
    let name = object.name_any();
    api.delete(&name, &DeleteParams::background()).await?;
    let mended = Mended::Remade { api: Box::new(api.clone()), name: name.clone(), was: object.uid() };
    Ok(Broken { what: format!("{kind} {name}"), mended })
}

/// Secrets that can't be made again: what they opened stays shut. People keep them safe; chaos leaves them alone.
fn irreplaceable() -> BTreeSet<String> {
    let secrets = catalog::SERVICES.iter().flat_map(|service| service.secrets);
    secrets.map(|secret| catalog::object_name(PLATFORM, secret.suffix)).collect()
}

async fn leader(arena: &Arena) -> Result<Option<String>> {
    let lease = arena.api::<Lease>().get(OPERATOR).await?;
    Ok(lease.spec.and_then(|spec| spec.holder_identity).filter(|holder| !holder.is_empty()))
}

impl Broken {
    pub(super) async fn is_mended(&self, arena: &Arena) -> Result<bool> {
        match &self.mended {
            Mended::Replaced { unit, was } => Ok(arena.pods(unit).await?.iter().all(|pod| life(pod) != *was)),
            Mended::Led { was } => {
                let now = leader(arena).await?;
                Ok(now.is_some() && now != *was)
            }
            Mended::Remade { api, name, was } => {
                let now = api.get_opt(name).await?;
                Ok(now.is_some_and(|now| now.uid() != *was && now.metadata.deletion_timestamp.is_none()))
            }
            Mended::Moved => is_forsaken(arena).await,
        }
    }
}

async fn is_forsaken(arena: &Arena) -> Result<bool> {
    let node = Api::<Node>::all(arena.client.clone()).get(AWAY).await?;
    let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
    if conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True") {
        return Ok(false);
    }
    let pods = arena.api::<Pod>().list(&ListParams::default()).await?;
    let stays = |pod: &Pod| {
        let there = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(AWAY);
        there && pod.metadata.deletion_timestamp.is_none()
    };
    Ok(!pods.iter().any(stays))
}
