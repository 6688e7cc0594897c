//! What the cluster does by itself: the provision Job runs, a Deployment replaces its pods, a pod reads its Secret.

use super::{Cluster, name};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Cluster {
    /// The Job that is wanted runs: the stores then let in whom it finds a password of, and nobody else.
    pub(in crate::rotation) fn job(&mut self) {
        let jobs: Vec<_> = self.children.keys().filter(|(kind, _)| *kind == "Job").cloned().collect();
        for key in jobs {
            let mut job = (*self.children[&key]).clone();
            if !job["status"]["conditions"].is_null() {
                continue;
            }
            // One that finds a key missing waits for it, and is replaced meanwhile.
            if let Some(accounts) = self.mounted_accounts(&job) {
                self.accounts = accounts;
                job["status"] = json!({"conditions": [{"type": "Complete", "status": "True"}]});
                self.children.insert(key, Arc::new(job));
            }
        }
    }

    fn mounted_accounts(&self, job: &Value) -> Option<BTreeSet<String>> {
        let mut accounts = BTreeSet::new();
        for spec in self.specs() {
            for (key, value) in self.mounted(&job["spec"]["template"], &spec.name)? {
                if let Some(store) = key.strip_suffix("-password") {
                    accounts.insert(format!("{}:{value}@{store}", spec.unit));
                } else if let Some(store) = key.strip_suffix("-password-2") {
                    accounts.insert(format!("{}-2:{value}@{store}", spec.unit));
                }
            }
        }
        Some(accounts)
    }

    /// The files of a Secret in a pod; None while a key that is named is not there.
    fn mounted(&self, template: &Value, secret: &str) -> Option<Vec<(String, String)>> {
        let volumes = template["spec"]["volumes"].as_array()?;
        let volume = volumes.iter().find(|volume| volume["secret"]["secretName"] == secret)?;
        let live = self.children.get(&("Secret", secret.to_owned()))?;
        let text = |value: &Value| {
            let bytes = STANDARD.decode(value.as_str().expect("base64")).expect("base64");
            String::from_utf8(bytes).expect("text")
        };
        let data = live["data"].as_object()?;
        match volume["secret"]["items"].as_array() {
            None => Some(data.iter().map(|(key, value)| (key.clone(), text(value))).collect()),
            Some(items) => items
                .iter()
                .map(|item| {
                    let value = data.get(item["key"].as_str()?)?;
                    Some((item["path"].as_str()?.to_owned(), text(value)))
                })
                .collect(),
        }
    }

    /// A Deployment's next step: a new pod, or, once that is there, an old one is told to end, and then gone.
    pub(in crate::rotation) fn deployment(&mut self, service: &str) {
        let key = ("Deployment", format!("orion-{service}"));
        let Some(deployment) = self.children.get(&key).map(|d| (**d).clone()) else { return };
        let template = &deployment["spec"]["template"];
        let hash = operator::plan::hash8(template);
        let own = |pod: &Value| pod["metadata"]["labels"]["app.kubernetes.io/name"] == service;
        let pods: Vec<Arc<Value>> =
            self.children.values().filter(|o| o["kind"] == "Pod" && own(o)).cloned().collect();
        let old: Vec<&Arc<Value>> = pods.iter().filter(|pod| !name(pod).ends_with(&hash)).collect();
        let fresh = pods.iter().any(|pod| name(pod).ends_with(&hash));
        if let Some(ending) = old.iter().find(|pod| !pod["metadata"]["deletionTimestamp"].is_null()) {
            self.pods.remove(&name(ending));
            self.children.remove(&("Pod", name(ending)));
        } else if !fresh {
            self.start_pod(service, template, &hash);
        } else if let Some(pod) = old.first() {
            let mut pod = (***pod).clone();
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            self.children.insert(("Pod", name(&pod)), Arc::new(pod));
        }
        self.report(&key, service);
    }

    fn start_pod(&mut self, service: &str, template: &Value, hash: &str) {
        let mut secrets = BTreeSet::new();
        for (file, value) in
            self.mounted(template, &format!("orion-{service}-credentials")).unwrap_or_default()
        {
            if let Some((scheme, rest)) = value.split_once("://").filter(|_| file.ends_with("-url")) {
                let store = match scheme {
                    "amqp" => "rabbitmq",
                    other => other,
                };
                let user = rest.split('@').next().expect("a user").replace("_2:", "-2:");
                secrets.insert(format!("{user}@{store}"));
            }
        }
        // Its start waits for a key, or for an account.
        if secrets.is_empty() || !secrets.is_subset(&self.accounts) || self.ill.contains(service) {
            return;
        }
        let name = format!("orion-{service}-{hash}");
        let mut metadata = template["metadata"].clone();
        metadata["name"] = name.as_str().into();
        let pod = json!({"kind": "Pod", "metadata": metadata, "status": {"phase": "Running"}});
        self.pods.insert(name.clone(), secrets.into_iter().collect());
        self.children.insert(("Pod", name), Arc::new(pod));
    }

    /// What the Deployment's controller says: a pod that ends is counted no more.
    fn report(&mut self, key: &(&'static str, String), service: &str) {
        let mut deployment = (*self.children[key]).clone();
        let hash = operator::plan::hash8(&deployment["spec"]["template"]);
        let names: Vec<String> = self
            .children
            .values()
            .filter(|o| o["kind"] == "Pod" && o["metadata"]["deletionTimestamp"].is_null())
            .map(|pod| name(pod))
            .filter(|name| name.starts_with(&format!("orion-{service}-")))
            .collect();
        let updated = names.iter().filter(|name| name.ends_with(&hash)).count();
        deployment["status"] = json!({
            "observedGeneration": deployment["metadata"]["generation"], "replicas": names.len(),
            "updatedReplicas": updated, "availableReplicas": names.len(), "readyReplicas": names.len(),
        });
        self.children.insert(key.clone(), Arc::new(deployment));
    }
}
