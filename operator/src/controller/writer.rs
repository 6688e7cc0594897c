//! The only way to write to the cluster. Every call first makes sure that this operator still leads, so that two of
//! them never work on the same platform.

use super::cache::name;
use super::diff::MANAGER;
use super::error::Error;
use super::kinds::Kind;
use super::leader::Leadership;
use crate::api::OrionPlatform;
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use serde_json::Value;

#[derive(Clone)]
pub struct Writer {
    client: Client,
    leadership: Leadership,
}

impl Writer {
    pub fn new(client: Client, leadership: Leadership) -> Self {
        Self { client, leadership }
    }

    pub fn leads(&self) -> Result<(), Error> {
        if self.leadership.held() { Ok(()) } else { Err(Error::NotLeader) }
    }

    fn api(&self, kind: &Kind, namespace: &str) -> Result<Api<DynamicObject>, Error> {
        self.leads()?;
        Ok(Api::namespaced_with(self.client.clone(), namespace, &kind.resource()))
    }

    fn platforms(&self, namespace: &str) -> Result<Api<OrionPlatform>, Error> {
        self.leads()?;
        Ok(Api::namespaced(self.client.clone(), namespace))
    }

    /// Server-side apply: sets the planned fields and gives up those that are planned no longer.
    pub async fn apply(&self, kind: &Kind, namespace: &str, object: &Value) -> Result<Value, Error> {
        self.apply_as(&PatchParams::apply(MANAGER).force(), kind, namespace, object).await
    }

    /// The same under another name; without force it fails where a field has another value and an owner.
    pub async fn apply_as(
        &self,
        params: &PatchParams,
        kind: &Kind,
        namespace: &str,
        object: &Value,
    ) -> Result<Value, Error> {
        let (api, name) = (self.api(kind, namespace)?, name(object));
        let applied = api.patch(name, params, &Patch::Apply(object)).await;
        applied.map(as_value).map_err(Error::api(format!("apply {} {name}", kind.kind)))
    }

    pub async fn create(&self, kind: &Kind, namespace: &str, object: &Value) -> Result<Value, Error> {
        let (api, name) = (self.api(kind, namespace)?, name(object));
        let action = format!("create {} {name}", kind.kind);
        let typed: DynamicObject = serde_json::from_value(object.clone())
            .map_err(|e| Error::Input(format!("{action}: not an object: {e}")))?;
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        api.create(&params, &typed).await.map(as_value).map_err(Error::api(action))
    }

    /// A merge patch; with metadata.resourceVersion in it, it fails on an object that has changed since.
    pub async fn merge(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Value, Error> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patched = self.api(kind, namespace)?.patch(name, &params, &Patch::Merge(patch)).await;
        patched.map(as_value).map_err(Error::api(format!("patch {} {name}", kind.kind)))
    }

    /// Deletes this very object, not one of the same name that took its place. Gone already is as good.
    pub async fn delete(&self, kind: &Kind, object: &Value) -> Result<(), Error> {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let (api, name) = (self.api(kind, namespace)?, name(object));
        let uid = object["metadata"]["uid"].as_str().map(str::to_owned);
        let params =
            DeleteParams::background().preconditions(Preconditions { uid, ..Preconditions::default() });
        tracing::info!(kind = kind.kind, namespace, name, "delete");
        match api.delete(name, &params).await.map_err(Error::api(format!("delete {} {name}", kind.kind))) {
            Err(e) if e.is_not_found() || e.is_conflict() => Ok(()),
            other => other.map(|_| ()),
        }
    }

    pub async fn event(&self, event: &Event) -> Result<(), Error> {
        self.leads()?;
        let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let created = Api::namespaced(self.client.clone(), namespace).create(&params, event).await;
        created.map(|_| ()).map_err(Error::api("create an Event"))
    }

    /// Replaces the status as a whole: what is left out of it goes away.
    pub async fn status(&self, namespace: &str, name: &str, status: &Value) -> Result<(), Error> {
        let object = serde_json::json!({
            "apiVersion": "orion.dev/v1alpha1", "kind": "OrionPlatform",
            "metadata": {"name": name}, "status": status,
        });
        let params = PatchParams::apply(MANAGER).force();
        let patched = self.platforms(namespace)?.patch_status(name, &params, &Patch::Apply(&object)).await;
        patched.map(|_| ()).map_err(Error::api(format!("write the status of {name}")))
    }

    pub async fn merge_platform(&self, namespace: &str, name: &str, patch: &Value) -> Result<(), Error> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patched = self.platforms(namespace)?.patch(name, &params, &Patch::Merge(patch)).await;
        patched.map(|_| ()).map_err(Error::api(format!("patch OrionPlatform {name}")))
    }
}

fn as_value(object: DynamicObject) -> Value {
    serde_json::to_value(object).expect("an object read as JSON can be written as JSON")
}
