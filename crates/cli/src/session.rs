//! The cluster, the namespace and the platform that a command is about.

use crate::MANAGER;
use crate::args::Global;
use crate::problem::{explain, explain_list};
use anyhow::{Context, Result, anyhow, bail};
use k8s_openapi::NamespaceResourceScope;
use kube::api::{ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource, ResourceExt};
use operator::api::OrionPlatform;
use serde_json::Value;

pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Session {
    pub(crate) async fn connect(global: &Global) -> Result<Self> {
        let config = config(global).await.context(
            "no cluster to talk to: name a kubeconfig with --kubeconfig or KUBECONFIG, and one of its contexts with --context",
        )?;
        let namespace = global.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(explain("make a client of the kubeconfig"))?;
        Ok(Self { client, namespace })
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) async fn platforms(&self) -> Result<Vec<OrionPlatform>> {
        let listed = self.api::<OrionPlatform>().list(&ListParams::default()).await;
        Ok(listed.map_err(explain_list)?.items)
    }

    /// The platform of this name, or the only one.
    pub(crate) async fn platform(&self, name: Option<&str>) -> Result<OrionPlatform> {
        pick(self.platforms().await?, name, &self.namespace)
    }

    pub(crate) async fn patch(&self, platform: &OrionPlatform, patch: Value) -> Result<OrionPlatform> {
        let patched = self.api().patch(&platform.name_any(), &writer(), &Patch::Merge(patch)).await;
        patched.map_err(explain("change the platform"))
    }
}

pub(crate) fn writer() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() }
}

async fn config(global: &Global) -> Result<Config> {
    if global.kubeconfig.is_none() && global.context.is_none() {
        return Ok(Config::infer().await?);
    }
    let kubeconfig = match &global.kubeconfig {
        Some(path) => Kubeconfig::read_from(path)?,
        None => Kubeconfig::read()?,
    };
    let options = KubeConfigOptions { context: global.context.clone(), ..KubeConfigOptions::default() };
    Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?)
}

fn pick(all: Vec<OrionPlatform>, name: Option<&str>, namespace: &str) -> Result<OrionPlatform> {
    let names = all.iter().map(ResourceExt::name_any).collect::<Vec<_>>().join(", ");
    if all.is_empty() {
        bail!(
            "there is no platform in namespace {namespace}: name another with -n, or see them all with `orion status -A`"
        );
    }
    match name {
        Some(name) => all
            .into_iter()
            .find(|p| p.name_any() == name)
            .ok_or_else(|| anyhow!("there is no platform {name} in namespace {namespace}: there is {names}")),
        None if all.len() == 1 => all.into_iter().next().context("one of one"),
        None => bail!("namespace {namespace} has several platforms: name one of {names}"),
    }
}

#[cfg(test)]
mod tests {
    use super::pick;
    use operator::api::OrionPlatform;

    fn named(name: &str) -> OrionPlatform {
        OrionPlatform::new(name, Default::default())
    }

    #[test]
    fn a_platform_is_found_by_name_or_as_the_only_one_and_else_the_names_are_told() {
        let two = || vec![named("blue"), named("green")];
        assert_eq!(pick(two(), Some("green"), "n").unwrap().metadata.name.unwrap(), "green");
        assert_eq!(pick(vec![named("blue")], None, "n").unwrap().metadata.name.unwrap(), "blue");
        for name in [None, Some("red")] {
            assert!(pick(two(), name, "n").unwrap_err().to_string().contains("blue, green"));
        }
        assert!(pick(vec![], None, "n").unwrap_err().to_string().contains("no platform in namespace n"));
    }
}
