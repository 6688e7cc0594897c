//! `orion restart`: new pods for one part, the way `kubectl rollout restart` asks for them. The operator leaves the
//! annotation alone, since it is not one that it plans.

use super::full_name;
use crate::args::Restart;
use crate::problem::explain;
use crate::screen::Screen;
use crate::session::{Session, writer};
use anyhow::{Result, anyhow, bail};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::api::Patch;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

pub(crate) async fn run(session: &Session, options: &Restart, screen: &mut Screen<'_>) -> Result<()> {
    let unit = options.service.as_str();
    let store = is_store(unit, options.yes)?;
    let platform = session.platform(options.platform.as_deref()).await?;
    let name = catalog::object_name(&platform.name_any(), unit);
    let patch = patch(&Timestamp::now().to_string());
    if store {
        ask::<StatefulSet>(session, &name, patch).await?;
    } else {
        ask::<Deployment>(session, &name, patch).await?;
    }
    let warning = if store { "; the store is away for a moment" } else { "" };
    screen.say(&format!("{}: {unit} is restarted{warning}", full_name(&platform)))?;
    Ok(())
}

fn is_store(unit: &str, yes: bool) -> Result<bool> {
    let names: Vec<&str> =
        catalog::STORES.iter().map(|s| s.name).chain(catalog::SERVICES.iter().map(|s| s.name)).collect();
    if !names.contains(&unit) {
        bail!("there is nothing to restart called {unit}: there is {}", names.join(", "));
    }
    let store = catalog::store(unit).is_some();
    if store && !yes {
        bail!(
            "a restart takes {unit} away for a moment, and what needs it fails meanwhile: add --yes to do it"
        );
    }
    Ok(store)
}

fn patch(now: &str) -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}})
}

async fn ask<K>(session: &Session, name: &str, patch: Value) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    match session.api::<K>().patch(name, &writer(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(error) if error_code(&error) == Some(404) => {
            Err(anyhow!("{name} does not run here: it is disabled, runs elsewhere, or its turn has not come"))
        }
        Err(error) => Err(explain("restart it")(error)),
    }
}

fn error_code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_store;

    #[test]
    fn a_store_is_restarted_only_with_yes_and_an_unknown_part_is_told_the_names() {
        assert!(!is_store("gateway", false).unwrap());
        assert!(is_store("redis", true).unwrap());
        assert!(is_store("redis", false).unwrap_err().to_string().contains("--yes"));
        assert!(is_store("provision", true).unwrap_err().to_string().contains("gateway"));
    }
}
