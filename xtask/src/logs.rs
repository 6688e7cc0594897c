//! `cargo xtask logs`: one unit's log without having to know labels.

use anyhow::{Result, bail};

use crate::on::Target;
use crate::sh;
use crate::status::{self, OPERATOR_NAMESPACE};

pub fn command(unit: &str, follow: bool, tail: u32) -> Result<()> {
    let target = Target::running()?;
    let (namespace, label) = if unit == "operator" {
        (OPERATOR_NAMESPACE.to_owned(), "app.kubernetes.io/name=orion-operator".to_owned())
    } else {
        if catalog::tier_of(unit).is_none() && unit != "provision" {
            bail!("there is no unit `{unit}`; there are operator, provision, {}", units().join(", "));
        }
        let platforms = status::platforms(&target)?;
        let Some(platform) = platforms.first() else {
            bail!("no platform is there: `cargo xtask up` makes one")
        };
        (platform.namespace.clone(), format!("app.kubernetes.io/part-of=orion,app.kubernetes.io/name={unit}"))
    };
    let mut kubectl = target.kubectl();
    kubectl.args(["logs", "--namespace", &namespace, "--selector", &label, "--prefix", "--all-containers"]);
    kubectl.arg(format!("--tail={tail}")).arg(format!("--follow={follow}"));
    sh::run(&mut kubectl)
}

fn units() -> Vec<&'static str> {
    catalog::STORES.iter().map(|s| s.name).chain(catalog::SERVICES.iter().map(|s| s.name)).collect()
}
