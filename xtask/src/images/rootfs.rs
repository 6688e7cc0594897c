//! Root file systems of the data stores, from Debian packages: one tar for the image, unpacked for tests.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::recipes::{RECIPES, REMOVE, Recipe, SUITE, USER_ID};
use super::{Built, apt, archive, point};
use crate::{paths, progress, sh};

/// The archive of a store's image, with its root file system in place beside it.
pub(super) fn store(recipe: &Recipe) -> Result<Built> {
    let key = recipe.key();
    let archive = paths::images().join(format!("archives/{}-{key}.tar", recipe.name));
    let unpacked = paths::rootfs().join(format!("{}-{key}", recipe.name));
    if archive.exists() && unpacked.exists() {
        point(&stable_path(recipe.name), &unpacked)?;
        return Built::read(recipe.name, recipe.reference, &archive, false);
    }
    check_machine()?;
    std::fs::create_dir_all(paths::images().join("archives"))?;
    let layer = paths::images().join(format!("{}-{key}.layer.tar", recipe.name));
    progress::step(&format!("{}: root file system from Debian {SUITE}", recipe.name), || {
        bootstrap(recipe, &layer)?;
        let partial = unpacked.with_extension("partial");
        unpack(&layer, &partial)?;
        check(recipe, &partial)?;
        archive::write(&archive, &settings(recipe), &layer)?;
        std::fs::remove_file(&layer)?;
        if unpacked.exists() {
            std::fs::remove_dir_all(&unpacked)?;
        }
        std::fs::rename(&partial, &unpacked)?;
        point(&stable_path(recipe.name), &unpacked)
    })?;
    remove_older(recipe.name, &archive, &unpacked);
    Built::read(recipe.name, recipe.reference, &archive, true)
}

pub fn stable_path(name: &str) -> PathBuf {
    paths::rootfs().join(name)
}

fn check_machine() -> Result<()> {
    if !sh::is_root() {
        bail!("making the data stores' root file systems needs root: run this as root, or with sudo -E");
    }
    if sh::which("mmdebstrap").is_none() {
        bail!("`mmdebstrap` is not installed: apt-get install mmdebstrap");
    }
    Ok(())
}

fn settings(recipe: &Recipe) -> archive::Settings {
    let env = [format!("PATH={}", recipe.path), "LANG=C.UTF-8".to_owned()];
    archive::Settings {
        reference: recipe.reference.to_owned(),
        entrypoint: vec![],
        user: format!("{USER_ID}:{USER_ID}"),
        env: env.into_iter().chain(recipe.env.iter().map(|e| (*e).to_owned())).collect(),
        labels: vec![("org.opencontainers.image.title".into(), recipe.name.into())],
    }
}

fn bootstrap(recipe: &Recipe, layer: &Path) -> Result<()> {
    let name = recipe.name;
    // The user exists before the packages look for it, so that they give their files to the right id.
    let accounts = [
        ("passwd", format!("{name}:x:{USER_ID}:{USER_ID}::/var/lib/{}:/bin/sh", home(name))),
        ("group", format!("{name}:x:{USER_ID}:")),
        ("shadow", format!("{name}:!:1::::::")),
        ("gshadow", format!("{name}:!::")),
    ];
    let removed: Vec<_> = REMOVE.iter().chain(recipe.remove).map(|p| format!("\"$1\"/{p}")).collect();
    let mut mmdebstrap = Command::new("mmdebstrap");
    // Times in the tar are no later than this: the same packages give the same image.
    mmdebstrap.env("SOURCE_DATE_EPOCH", "0");
    mmdebstrap.args(["--variant=essential", "--mode=root", "--components=main", "--skip=output/dev"]);
    mmdebstrap.args(["--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\""]);
    for folder in ["doc", "man", "locale", "info", "lintian", "doc-base"] {
        mmdebstrap.arg(format!("--dpkgopt=path-exclude=/usr/share/{folder}/*"));
    }
    for (file, line) in &accounts {
        mmdebstrap.arg(format!("--essential-hook=echo '{line}' >> \"$1/etc/{file}\""));
    }
    mmdebstrap.arg(format!("--customize-hook=rm -rf {}", removed.join(" ")));
    mmdebstrap.arg(format!("--include={}", recipe.packages.join(",")));
    mmdebstrap.args(["--format=tar", SUITE]).arg(layer).arg(apt::mirror()?);
    sh::logged(&mut mmdebstrap, &paths::images().join(format!("log/{name}.log")))
}

/// As in the official images.
fn home(name: &str) -> &str {
    if name == "postgres" { "postgresql" } else { name }
}

fn unpack(layer: &Path, into: &Path) -> Result<()> {
    if into.exists() {
        std::fs::remove_dir_all(into)?;
    }
    std::fs::create_dir_all(into)?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--preserve-permissions", "--numeric-owner", "--file"]).arg(layer);
    sh::output(tar.arg("--directory").arg(into))?;
    // Mount points that a runtime makes and chroot does not.
    for dir in ["dev", "proc", "sys", "run", "tmp"] {
        std::fs::create_dir_all(into.join(dir))?;
    }
    device_nodes(&into.join("dev"))
}

/// A container runtime makes these itself; chroot does not, and Erlang spins without /dev/null.
fn device_nodes(dev: &Path) -> Result<()> {
    for (name, minor) in [("null", "3"), ("zero", "5"), ("full", "7"), ("random", "8"), ("urandom", "9")] {
        let mut mknod = Command::new("mknod");
        sh::output(mknod.args(["--mode=666"]).arg(dev.join(name)).args(["c", "1", minor]))?;
    }
    let shm = dev.join("shm");
    std::fs::create_dir_all(&shm)?;
    Ok(std::fs::set_permissions(&shm, Permissions::from_mode(0o1777))?)
}

fn check(recipe: &Recipe, rootfs: &Path) -> Result<()> {
    let mut chroot = Command::new("chroot");
    chroot.arg(rootfs).args(["/usr/bin/env", "-i", &format!("PATH={}", recipe.path), "/bin/sh", "-c"]);
    let version = sh::output(chroot.arg(recipe.check))
        .with_context(|| format!("{} does not start from its root file system", recipe.name))?;
    progress::note(version.trim());
    Ok(())
}

/// What earlier recipes made. Best effort: it is only space.
fn remove_older(name: &str, archive: &Path, unpacked: &Path) {
    debug_assert!(RECIPES.iter().any(|r| r.name == name));
    let prefix = format!("{name}-");
    for keep in [archive, unpacked] {
        let Some(dir) = keep.parent() else { continue };
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path != keep && entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ =
                    if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            }
        }
    }
}
