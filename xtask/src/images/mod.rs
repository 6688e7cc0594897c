//! `cargo xtask images`: one image a service and for the operator, and those of the data stores for our own cluster.

pub mod apt;
pub mod archive;
mod binaries;
#[cfg(test)]
mod dockerfile;
mod recipes;
mod rootfs;

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::prerequisites::{self, For};
use crate::{paths, progress};

pub use binaries::{VERSION, program, programs};
pub use recipes::RECIPES;
pub use rootfs::stable_path;

/// Where our own images belong; the default of `spec.image.registry`.
pub const REGISTRY: &str = "ghcr.io/orion-platform";

/// An image as an archive; also one line of `target/images/index.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Built {
    pub name: String,
    /// Full name with tag.
    pub reference: String,
    /// From the root of the repository.
    pub archive: PathBuf,
    /// Of the archive: equal digests are equal images.
    pub sha256: String,
    pub bytes: u64,
    #[serde(skip)]
    pub fresh: bool,
}

impl Built {
    /// Takes stock of an archive. The digest is kept beside it: reading hundreds of megabytes each time is slow.
    fn read(name: &str, reference: &str, archive: &Path, fresh: bool) -> Result<Self> {
        let kept = archive.with_extension("sha256");
        let known = if fresh { None } else { std::fs::read_to_string(&kept).ok() };
        let sha256 = match known {
            Some(digest) => digest,
            None => {
                let digest = archive::sha256_file(archive)?;
                std::fs::write(&kept, &digest)?;
                digest
            }
        };
        let bytes = std::fs::metadata(archive)?.len();
        let stable = paths::images().join(format!("{name}.tar"));
        point(&stable, archive)?;
        let shown = stable.strip_prefix(paths::root()).unwrap_or(&stable).to_path_buf();
        Ok(Built { name: name.into(), reference: reference.into(), archive: shown, sha256, bytes, fresh })
    }

    pub fn path(&self) -> PathBuf {
        paths::root().join(&self.archive)
    }
}

/// Every image there is, by name: programs first, then stores.
pub fn names() -> Vec<String> {
    let stores = RECIPES.iter().map(|r| r.name.to_owned());
    programs().into_iter().map(|p| p.name).chain(stores).collect()
}

/// Makes the images of these names, or all; unchanged ones come from the cache.
pub fn build(only: &[String]) -> Result<Vec<Built>> {
    let names = names();
    if let Some(unknown) = only.iter().find(|n| !names.contains(n)) {
        bail!("there is no image `{unknown}`; there are {}", names.join(", "));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|n| n == name);
    let stores: Vec<_> = RECIPES.iter().filter(|r| wanted(r.name)).collect();
    let programs: Vec<_> = programs().into_iter().filter(|p| wanted(&p.name)).collect();
    // The stores mostly wait for downloads and for dpkg, the compiler wants both cores: side by side.
    let (built_stores, built_programs) = std::thread::scope(|scope| {
        let stores = scope
            .spawn(|| all("stores", &stores, |recipes| recipes.iter().map(|r| rootfs::store(r)).collect()));
        let programs = all("programs", &programs, binaries::build);
        (stores.join().expect("making a store's image does not panic"), programs)
    });
    let mut built = built_programs?;
    built.extend(built_stores?);
    write_index(&built)?;
    Ok(built)
}

/// The root file systems of the data stores, with their images.
pub fn stores() -> Result<Vec<Built>> {
    let names: Vec<_> = RECIPES.iter().map(|r| r.name.to_owned()).collect();
    build(&names)
}

/// The command: builds and says what there is.
pub fn command(only: &[String]) -> Result<()> {
    let start = Instant::now();
    prerequisites::install(For::Images)?;
    let built = build(only)?;
    println!("\n{:<10} {:>9}  {:<12}  reference", "image", "MB", "digest");
    for image in &built {
        let megabytes = image.bytes as f64 / 1e6;
        let news = if image.fresh { "" } else { "  (unchanged)" };
        println!(
            "{:<10} {megabytes:>9.1}  {:<12}  {}{news}",
            image.name,
            &image.sha256[..12],
            image.reference
        );
    }
    println!("\n{} images in {}, archives in {}", built.len(), progress::elapsed(start), shown_images());
    Ok(())
}

/// The operator as the next minor version.
pub fn next_command() -> Result<()> {
    let _lock = lock("programs")?;
    let next = binaries::next()?;
    println!("{} in {}", next.reference, paths::shown(&next.path()));
    Ok(())
}

pub fn stores_command() -> Result<()> {
    prerequisites::install(For::Images)?;
    stores()?;
    for recipe in RECIPES {
        println!("{}", stable_path(recipe.name).display());
    }
    Ok(())
}

fn shown_images() -> String {
    paths::shown(&paths::images())
}

/// Makes some images under their own lock: who needs stores does not wait for somebody else's compiler.
fn all<T>(kind: &str, wanted: &[T], make: impl FnOnce(&[T]) -> Result<Vec<Built>>) -> Result<Vec<Built>> {
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let _lock = lock(kind)?;
    make(wanted)
}

/// Two runs at once would write the same files: the second waits.
fn lock(kind: &str) -> Result<File> {
    std::fs::create_dir_all(paths::rootfs())?;
    std::fs::create_dir_all(paths::images().join("archives"))?;
    let path = paths::images().join(format!(".{kind}.lock"));
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    if file.try_lock().is_err() {
        progress::note(&format!("another run is making {kind}; waiting for it"));
        file.lock()?;
    }
    Ok(file)
}

/// `target/images/index.json` has every image made so far, for tests and tools.
fn write_index(built: &[Built]) -> Result<()> {
    let _lock = lock("index")?;
    let path = paths::images().join("index.json");
    let kept = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Vec<Built>>(&text).ok());
    let mut all: Vec<Built> = kept.unwrap_or_default();
    let known = names();
    all.retain(|old| known.contains(&old.name) && built.iter().all(|new| new.name != old.name));
    all.extend_from_slice(built);
    all.sort_by_key(|image| known.iter().position(|n| *n == image.name));
    let partial = path.with_extension("partial");
    std::fs::write(&partial, serde_json::to_vec_pretty(&all)?)?;
    Ok(std::fs::rename(partial, path)?)
}

/// A symbolic link that is replaced in one move.
pub(crate) fn point(link: &Path, to: &Path) -> Result<()> {
    let dir = link.parent().context("a link is in a folder")?;
    let target = to.strip_prefix(dir).unwrap_or(to);
    if std::fs::read_link(link).is_ok_and(|t| t == target) {
        return Ok(());
    }
    let partial = link.with_extension("link");
    let _ = std::fs::remove_file(&partial);
    symlink(target, &partial)?;
    Ok(std::fs::rename(&partial, link)?)
}
