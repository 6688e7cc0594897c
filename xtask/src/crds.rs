//! `cargo xtask crds`: everything that is generated and committed: the CustomResourceDefinition as the operator's code
//! has it, the chart's copy, and what the chart makes of it.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{paths, sh};

const NAME: &str = "orionplatforms.yaml";

pub fn command(check: bool) -> Result<()> {
    let definition = generate()?;
    put(&paths::root().join("crds").join(NAME), &definition, check)?;
    put(&crate::up::operator::chart().join("files").join(NAME), &definition, check)?;
    crate::chart::command(check)
}

/// The operator prints it: xtask does not link the operator, so that a broken one does not lock the door.
fn generate() -> Result<String> {
    let mut cargo = sh::cargo();
    cargo.args(["run", "--quiet", "--package", "operator", "--", "crd"]);
    let text = sh::output(&mut cargo)?;
    if !text.contains("kind: CustomResourceDefinition") {
        bail!("`operator crd` did not print a CustomResourceDefinition");
    }
    Ok(text)
}

/// Writes a generated file, or checks that it is what is there.
pub(crate) fn put(path: &Path, content: &str, check: bool) -> Result<()> {
    let shown = paths::shown(path);
    let same = std::fs::read_to_string(path).is_ok_and(|old| old == content);
    match (same, check) {
        (true, _) => println!("= {shown}"),
        (false, true) => {
            bail!("{shown} is not what the code generates: run `cargo xtask crds` and commit the result")
        }
        (false, false) => {
            if let Some(dir) = path.parent() {
                std::fs::create_dir_all(dir)?;
            }
            std::fs::write(path, content).with_context(|| format!("cannot write {shown}"))?;
            println!("✓ {shown}");
        }
    }
    Ok(())
}
