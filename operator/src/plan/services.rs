//! A service of the platform: its ServiceAccount and its Deployment. How it is reached is in `endpoints`.

use super::env::{CALLER_KEYS, CREDENTIALS, TOKENS, authority, variables};
use super::hash::hash8;
use super::place::Place;
use super::pod::{self, Defaults, Ids};
use super::scope::{CONFIG_HASH, RESTORED, Scope};
use super::{Inputs, Need, Unit, UnitKind, endpoints, network, placement, restore, routes, scale, secrets};
use crate::api::{DEFAULT_REGISTRY, ServiceSpec};
use catalog::{MANAGEMENT_PORT, Service, audience, object_name};
use serde_json::{Value, json};

const DEFAULTS: Defaults = Defaults { cpu: "50m", memory: "32Mi", memory_limit: "256Mi" };
/// The user of FROM-scratch images, by number: there is no /etc/passwd to look a name up in.
const IDS: Ids = Ids::same(65532);
/// How long Kubernetes lets a service drain; the first seconds of it pass in the pre-stop sleep.
const GRACE_SECONDS: u32 = 30;

/// `before`: the units that have something to do in the stores first.
pub(super) fn unit(inputs: &Inputs, service: &'static Service, before: &[&str]) -> Unit {
    let scope = Scope::new(inputs, service.name, service.tier);
    let spec = scope.spec();
    if !spec.enabled(service.name) {
        return Unit::absent(service.name, UnitKind::Service, service.tier);
    }
    let given = service.needs.iter().filter(|n| catalog::store(n.on).is_some() || spec.enabled(n.on));
    let mut needs: Vec<Need> = given.map(|n| Need { on: n.on.to_owned(), hard: n.hard }).collect();
    needs.extend(before.iter().map(|unit| Need { on: (*unit).to_owned(), hard: true }));
    let mut objects = vec![pod::service_account(&scope), endpoints::internal(&scope, service)];
    if service.edge {
        objects.extend(endpoints::external(&scope, service));
        objects.extend(routes::objects(&scope, service));
    }
    let default = ServiceSpec::named(service.name);
    let settings = spec.service(service.name).unwrap_or(&default);
    objects.extend(network::of(&scope));
    objects.push(deployment(&scope, service, settings));
    objects.extend(scale::objects(&scope, settings));
    Unit {
        name: service.name.to_owned(),
        kind: UnitKind::Service,
        tier: service.tier,
        needs,
        enabled: true,
        objects,
        secrets: secrets::of_service(inputs, service),
    }
}

fn deployment(scope: &Scope, service: &'static Service, spec: &ServiceSpec) -> Value {
    let options = spec.pod.clone().unwrap_or_default();
    let grace = options.termination_grace_period_seconds.unwrap_or(GRACE_SECONDS);
    let mut pod = pod::pod(scope, IDS, grace);
    pod["containers"] = json!([container(scope, service, spec)]);
    pod["volumes"] = volumes(scope, service).into_iter().map(|(volume, _)| volume).collect();
    placement::place(&mut pod, &options, scope);
    let mut annotations = json!(options.annotations);
    annotations[CONFIG_HASH] = hash8(&pod).into();
    if let Some(restored) = restore::restored(scope.inputs) {
        annotations[RESTORED] = restored.into();
    }
    // What an older schema let through must not take the place of the operator's own labels.
    let mut labels = options.labels;
    labels.extend(scope.labels());
    let mut deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": scope.metadata(&scope.name()),
        "spec": {
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": scope.selector()},
            // A new pod is ready before an old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
        },
    });
    if let Some(replicas) = scale::replicas(spec) {
        deployment["spec"]["replicas"] = replicas.into();
    }
    deployment
}

fn container(scope: &Scope, service: &'static Service, spec: &ServiceSpec) -> Value {
    let image = match &spec.image {
        Some(image) => image.clone(),
        None => image(scope.inputs, service.name),
    };
    let resources = pod::resources(DEFAULTS, spec.resources.as_ref());
    let mut container = pod::container(scope, service.name, &image, resources);
    container["env"] = variables(scope, service).into();
    container["ports"] = json!([
        {"name": "http", "containerPort": service.port, "protocol": "TCP"},
        {"name": "management", "containerPort": MANAGEMENT_PORT, "protocol": "TCP"},
    ]);
    container["volumeMounts"] = volumes(scope, service).into_iter().map(|(_, mount)| mount).collect();
    // Endpoints learn late that a pod is going: it goes on serving meanwhile.
    container["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 3}}});
    // Starting ends when each hard need has answered once, which can take as long as the need itself.
    container["startupProbe"] = probe("/readyz", 1, 2, 600);
    container["readinessProbe"] = probe("/readyz", 3, 2, 2);
    container["livenessProbe"] = probe("/livez", 10, 5, 3);
    container
}

/// `<registry>/<service>:<version>`.
pub(super) fn image(inputs: &Inputs, service: &str) -> String {
    let spec = &inputs.platform.spec;
    let registry = spec.image.registry.as_deref().unwrap_or(DEFAULT_REGISTRY);
    format!("{registry}/{service}:{}", spec.version(inputs.operator_version))
}

fn probe(path: &str, period: u32, timeout: u32, failures: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": "management", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    })
}

/// Each volume with its mount.
fn volumes(scope: &Scope, service: &'static Service) -> Vec<(Value, Value)> {
    let mut all = Vec::new();
    let mut add = |volume: Value, path: String| {
        let mount = json!({"name": volume["name"], "mountPath": path, "readOnly": true});
        all.push((volume, mount));
    };
    if service.stores().next().is_some() {
        let secret = scope.name_of(secrets::CREDENTIALS_SUFFIX);
        add(pod::secret_volume("credentials", &secret), CREDENTIALS.to_owned());
    }
    for store in service.stores() {
        if let Some((secret, key)) = Place::of(scope.spec(), scope.platform(), store).ca {
            let keys = [(key.as_str(), "ca.crt")].into_iter();
            let volume = pod::secret_keys_volume(&format!("{}-authority", store.name()), &secret, keys);
            add(volume, authority(store));
        }
    }
    for secret in service.secrets {
        let name = object_name(scope.platform(), secret.suffix);
        add(pod::secret_volume(secret.suffix, &name), format!("/run/orion/{}", secret.suffix));
    }
    let keys = object_name(scope.platform(), "caller-keys");
    add(json!({"name": "caller-keys", "configMap": {"name": keys}}), CALLER_KEYS.to_owned());
    if !service.calls.is_empty() {
        add(tokens(scope, service), TOKENS.to_owned());
    }
    all
}

/// One ServiceAccount token for each service that is called, good for that one only.
fn tokens(scope: &Scope, service: &Service) -> Value {
    let sources = service.calls.iter().map(|callee| {
        let audience = audience(scope.namespace(), scope.platform(), callee);
        json!({"serviceAccountToken": {"path": callee, "audience": audience, "expirationSeconds": 3600}})
    });
    json!({"name": "tokens", "projected": {"defaultMode": 0o440, "sources": sources.collect::<Vec<_>>()}})
}
