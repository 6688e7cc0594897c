//! The restore unit: a Job that loads a backup beside what is there and then puts it in its place, and the document that
//! it reads. It comes before the services; where they run already, they are restarted when it is done.

use super::backup::{self, Steps};
use super::hash::hash8;
use super::place::Place;
use super::pod;
use super::scope::{KEYS_OF, Scope};
use super::{Inputs, Need, PROVISION, RESTORE, Unit, UnitKind, network, provision};
use crate::api::{BackupLocation, RestoreSpec};
use catalog::{Store, Tier};
use serde_json::{Value, json};
use std::path::Path;
use storekeeper::backup::document::RestoreWork;
use storekeeper::document::Server;

const ADMINS: &str = "/run/orion/admin";

pub(super) fn unit(inputs: &Inputs) -> Unit {
    let scope = Scope::new(inputs, RESTORE, Tier::Data);
    let Some((spec, from)) = wanted(inputs) else {
        return Unit::absent(RESTORE, UnitKind::Provision, Tier::Data);
    };
    let work = work(&scope, spec, from);
    let config = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": scope.metadata(&scope.name()),
        "data": {"restore.json": super::pretty(&work)},
    });
    Unit {
        name: RESTORE.to_owned(),
        kind: UnitKind::Provision,
        tier: Tier::Data,
        needs: vec![Need { on: PROVISION.to_owned(), hard: true }],
        enabled: true,
        objects: [pod::service_account(&scope), config]
            .into_iter()
            .chain(network::of(&scope))
            .chain([job(&scope, &work, from)])
            .collect(),
        secrets: Vec::new(),
    }
}

/// What is to be restored and where it is; None where there is nothing, or nothing to restore it to.
pub(super) fn wanted<'a>(inputs: &'a Inputs<'a>) -> Option<(&'a RestoreSpec, &'a BackupLocation)> {
    let spec = &inputs.platform.spec;
    let restore = spec.restore.as_ref()?;
    let from = restore.from.as_ref().or(spec.backup.as_ref().map(|backup| &backup.to))?;
    backup::managed(inputs).next().map(|_| (restore, from))
}

/// What a service's pods were started after: another value restarts them.
pub(super) fn restored(inputs: &Inputs) -> Option<String> {
    wanted(inputs).map(|(restore, _)| format!("{}/{}", restore.backup, restore.attempt))
}

fn work(scope: &Scope, spec: &RestoreSpec, from: &BackupLocation) -> RestoreWork {
    let server = |store: Store| {
        backup::managed(scope.inputs).find(|s| *s == store)?;
        let place = Place::of(scope.spec(), scope.platform(), store);
        let admin = Path::new(ADMINS).join(store.name());
        Some(Server {
            host: place.host,
            others: place.others,
            port: place.port,
            own: true,
            tls: false,
            ca_file: None,
            admin_username_file: admin.join("username"),
            admin_password_file: admin.join("password"),
        })
    };
    RestoreWork {
        platform: format!("{}/{}", scope.namespace(), scope.platform()),
        from: backup::location(scope, from),
        backup: spec.backup.clone(),
        attempt: u32::try_from(spec.attempt).unwrap_or(1),
        ignore_keys: spec.ignore_keys,
        postgres: server(Store::Postgres),
        redis: server(Store::Redis),
    }
}

fn job(scope: &Scope, work: &RestoreWork, from: &BackupLocation) -> Value {
    let mut steps = Steps::new(scope, "restore", "restore.json", from);
    for store in backup::managed(scope.inputs) {
        let place = Place::of(scope.spec(), scope.platform(), store);
        let volume = pod::secret_volume(&format!("{}-admin", store.name()), &place.admin_secret);
        steps.mount(volume, &format!("{ADMINS}/{}", store.name()), true);
    }
    let mut init = vec![steps.own("begin")];
    init.extend(backup::managed(scope.inputs).map(|store| steps.of_store(store)));
    let mut pod = steps.pod(init, "swap");
    // A container that fails is started again in the same pod, which keeps what it said last in sight.
    pod["restartPolicy"] = "OnFailure".into();
    let hash = hash8(&(work, &pod));
    provision::until_done(scope, &hash, pod, json!({KEYS_OF: backup::keys(scope)}))
}
