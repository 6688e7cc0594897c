//! Puts images on the nodes: each once, as long as it stays the same.

use anyhow::{Context, Result};

use crate::cli::On;
use crate::images::{self, Built, RECIPES};
use crate::on::Target;
use crate::progress;
use crate::state::State;

/// The native cluster cannot fetch anything, so it gets the stores' images too; kind fetches the official ones.
pub(super) fn wanted(on: On) -> Vec<String> {
    let is_store = |name: &String| RECIPES.iter().any(|r| r.name == name);
    images::names().into_iter().filter(|name| on == On::Native || !is_store(name)).collect()
}

/// Loads what the nodes do not have yet; gives the names of what is new on them.
pub(crate) fn load(target: &Target, built: &[Built], state: &mut State) -> Result<Vec<String>> {
    let new: Vec<_> = built.iter().filter(|i| state.loaded.get(&i.reference) != Some(&i.sha256)).collect();
    if !target.can_load() || new.is_empty() {
        progress::unchanged("every image is on the nodes");
        return Ok(vec![]);
    }
    let names: Vec<_> = new.iter().map(|i| i.name.clone()).collect();
    progress::step(&format!("load images: {}", names.join(", ")), || {
        for image in &new {
            target.load(image).with_context(|| format!("the image of {} cannot be loaded", image.name))?;
            state.loaded.insert(image.reference.clone(), image.sha256.clone());
            state.write()?;
        }
        Ok(names)
    })
}
