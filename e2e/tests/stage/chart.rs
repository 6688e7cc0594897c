//! What the chart brings, on control planes of their own, since a definition and a ClusterRole are a whole cluster's: an
//! upgrade that loses nothing, an operator for all namespaces, one that sees no other, and two that take turns.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use cluster::{Cluster, Lifetime, Options};
use e2e::place::Place;
use e2e::stage::stand_in;
use e2e::{ground, status, tools};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, ListParams, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use operator::api::OrionPlatform;
use operator::controller;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SYSTEM: &str = "orion-system";
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: operator::context::Options,
}

/// A control plane of this test's own.
pub(crate) struct Ground {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
}

impl Ground {
    pub(crate) async fn new(name: &str) -> Result<Ground> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let name = format!("{name}-{}", std::process::id());
        let options = Options {
            name,
            nodes: 0,
            lifetime: Lifetime::WithParent,
            audit_log: false,
            enforce_policies: false,
        };
        let cluster = Cluster::start(options, |line| eprintln!("chart: {line}")).await?;
        let client = Client::try_from(config(&cluster).await?)?;
        Ok(Ground { cluster, client })
    }

    /// A namespace that is there already.
    pub(crate) fn place(&self, namespace: &str) -> Place {
        let platforms = Api::namespaced(self.client.clone(), namespace);
        Place { client: self.client.clone(), namespace: namespace.to_owned(), platforms, patience: PATIENCE }
    }

    /// Installs or upgrades the release in a namespace. No pod of it runs: there is no node.
    pub(crate) async fn helm(&self, chart: &str, namespace: &str, set: &str) -> Result<()> {
        let set = format!("replicas=0,{set}");
        let arguments =
            ["upgrade", "--install", "orion", chart, "-n", namespace, "--create-namespace", "--set", &set];
        tools::helm(&self.cluster, &arguments).await.map(drop)
    }

    /// A client with the rights that the chart gives the operator of this namespace, and no others.
    async fn as_operator(&self, namespace: &str) -> Result<Client> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let answer = accounts.create_token_request("orion", &PostParams::default(), &request).await?;
        let token = answer.status.and_then(|status| status.token).context("no token was given")?;
        let mut config = config(&self.cluster).await?;
        config.auth_info = AuthInfo { token: Some(token.into()), ..AuthInfo::default() };
        config.default_namespace = namespace.to_owned();
        controller::client::of(config, Duration::from_secs(10))
    }

    /// Runs the operator in this process, with the rights of the release in this namespace.
    pub(crate) async fn operator(&self, namespace: &str, arguments: &[&str]) -> Result<Running> {
        let client = self.as_operator(namespace).await?;
        let all = ["operator", "--lease=orion"].iter().chain(arguments);
        let options = Cli::try_parse_from(all)?.options;
        let ending = CancellationToken::new();
        let token = ending.clone();
        let task =
            tokio::spawn(async move { controller::run_with(client, &options, Arc::default(), token).await });
        Ok(Running { ending, task })
    }
}

/// An operator, until it is told to end.
pub(crate) struct Running {
    ending: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Running {
    pub(crate) async fn end(self) -> Result<()> {
        self.ending.cancel();
        self.task.await?
    }
}

async fn config(cluster: &Cluster) -> Result<Config> {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig())?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

pub(crate) fn chart() -> String {
    ground::root().join("charts/orion-operator").display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_the_chart_keeps_every_platform_and_brings_new_fields() -> Result<()> {
    let ground = Ground::new("upgrade").await?;
    let old = older_chart()?;
    let old = old.path().to_str().context("a temporary folder's path is UTF-8")?;
    ground.helm(old, SYSTEM, "log=info").await?;
    let platforms: Api<OrionPlatform> = Api::namespaced(ground.client.clone(), SYSTEM);
    let spec = json!({"services": [{"name": "auth", "replicas": 2}], "monitoring": {"rules": {}}});
    let made = platforms.create(&PostParams::default(), &e2e::place::platform(SYSTEM, spec)?).await?;
    assert_eq!(made.spec.monitoring, None, "the older definition has no such field");

    ground.helm(&chart(), SYSTEM, "log=debug").await?;
    let kept = platforms.get("orion").await?;
    assert_eq!((&kept.metadata.uid, kept.metadata.generation), (&made.metadata.uid, Some(1)));
    assert_eq!(kept.spec, made.spec);
    let patch = kube::api::Patch::Merge(json!({"spec": {"monitoring": {"rules": {}}}}));
    let edited = platforms.patch("orion", &Default::default(), &patch).await?;
    assert!(edited.spec.monitoring.is_some(), "the new definition was not taken");

    // Going back loses the new field, and nothing else.
    tools::helm(&ground.cluster, &["rollback", "orion", "1", "-n", SYSTEM]).await?;
    let back = platforms.get("orion").await?;
    assert_eq!((&back.metadata.uid, &back.spec.services), (&made.metadata.uid, &made.spec.services));
    tools::helm(&ground.cluster, &["uninstall", "orion", "-n", SYSTEM]).await?;
    assert_eq!(
        platforms.get("orion").await?.metadata.uid,
        made.metadata.uid,
        "uninstalled, the platform stays"
    );
    Ok(())
}

/// The chart, with a definition that lacks a field.
fn older_chart() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let copied = std::process::Command::new("cp")
        .args(["-r", &format!("{}/.", chart())])
        .arg(folder.path())
        .status()?;
    if !copied.success() {
        bail!("the chart can't be copied");
    }
    let file = folder.path().join("files/orionplatforms.yaml");
    let mut definition: serde_json::Value = serde_saphyr::from_str(&std::fs::read_to_string(&file)?)?;
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields =
        schema["properties"]["spec"]["properties"].as_object_mut().context("the fields of the spec")?;
    fields.remove("monitoring").context("the field that the older one lacks")?;
    std::fs::write(&file, serde_json::to_string(&definition)?)?;
    Ok(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operator_for_all_namespaces_looks_after_each_platform_by_itself() -> Result<()> {
    let ground = Ground::new("everywhere").await?;
    ground.helm(&chart(), SYSTEM, "watch.allNamespaces=true").await?;
    let _nodes = stand_in(ground.client.clone()).await?;
    let operator = ground.operator(SYSTEM, &["--all-namespaces"]).await?;
    let blue = Place::new(ground.client.clone(), "blue", PATIENCE).await?;
    let green = Place::new(ground.client.clone(), "green", PATIENCE).await?;
    blue.apply(json!({})).await?;
    green.apply(json!({"services": [{"name": "user", "replicas": 2}]})).await?;
    blue.until_ready().await?;
    let ready = green.until_ready().await?;
    assert_eq!(status::unit(&ready, "user").map(|unit| unit.desired), Some(2));
    assert_ne!(passwords(&blue).await?, passwords(&green).await?, "each has passwords of its own");

    blue.platforms.delete("orion", &Default::default()).await?;
    e2e::eventually("blue is gone", async || {
        Ok(blue.platforms.get_opt("orion").await?.is_none().then_some(()))
    })
    .await?;
    let still = green.platforms.get("orion").await?;
    assert_eq!((status::is_ready(&still), still.metadata.generation), (true, Some(1)));
    operator.end().await
}

async fn passwords(place: &Place) -> Result<String> {
    let secret = place.api::<Secret>().get("orion-postgres-admin").await?;
    Ok(serde_json::to_string(&secret.data)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_for_one_namespace_can_see_and_change_nothing_elsewhere() -> Result<()> {
    let ground = Ground::new("rights").await?;
    ground.helm(&chart(), SYSTEM, "log=info").await?;
    let operator = ground.as_operator(SYSTEM).await?;
    let elsewhere = "kube-system";
    let here = Api::<Secret>::namespaced(operator.clone(), SYSTEM).list(&ListParams::default()).await;
    assert!(here.is_ok(), "{here:?}");
    let refused = |outcome: Result<(), kube::Error>, what: &str| match outcome {
        Err(kube::Error::Api(status)) if status.code == 403 => {}
        other => panic!("{what}: {other:?}"),
    };
    let secrets: Api<Secret> = Api::namespaced(operator.clone(), elsewhere);
    refused(secrets.list(&ListParams::default()).await.map(drop), "list Secrets elsewhere");
    refused(secrets.create(&PostParams::default(), &named("theirs")).await.map(drop), "make one elsewhere");
    let all: Api<Secret> = Api::all(operator.clone());
    refused(all.list(&ListParams::default()).await.map(drop), "list everybody's Secrets");
    let platforms: Api<OrionPlatform> = Api::namespaced(operator.clone(), elsewhere);
    refused(platforms.list(&ListParams::default()).await.map(drop), "list platforms elsewhere");
    // Its own rights are not its own to widen.
    let roles: Api<k8s_openapi::api::rbac::v1::RoleBinding> = Api::namespaced(operator, SYSTEM);
    refused(roles.list(&ListParams::default()).await.map(drop), "list RoleBindings");
    Ok(())
}

fn named(name: &str) -> Secret {
    let metadata = kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() };
    Secret { metadata, ..Secret::default() }
}
