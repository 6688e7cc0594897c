//! Images of our own programs: one static binary in an empty root, nothing else that could need an update.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Built, REGISTRY, archive};
use crate::{paths, progress, sh};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Static, since an image has no libraries. Relocations packed and equal functions folded: a tenth of each binary, see
/// docs/adr/0002-release-profile.md. Both are the linker's, LLD, which rustc brings along for this target.
pub(super) const FLAGS: &str =
    "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--icf=all";
/// What an image may have at most. A service that outgrows it took in something it should not.
const LIMIT: u64 = 15_000_000;
/// The user of every container of ours, as the operator's pods say too.
const USER: u32 = 65532;

/// A program that gets an image: the operator, its storekeeper, or a service.
pub struct Program {
    pub name: String,
    pub summary: String,
}

pub fn programs() -> Vec<Program> {
    let operator = ("operator", "Runs ORION platforms: installs, upgrades, heals and explains.");
    let storekeeper = ("storekeeper", "Works inside the stores of ORION platforms, as Jobs of the operator.");
    let services = catalog::SERVICES.iter().map(|s| (s.name, s.summary));
    let all = [operator, storekeeper].into_iter().chain(services);
    all.map(|(name, summary)| Program { name: name.into(), summary: summary.into() }).collect()
}

pub(super) fn build(programs: &[Program]) -> Result<Vec<Built>> {
    let names: Vec<_> = programs.iter().map(|p| p.name.as_str()).collect();
    let step = format!("compile {} (static, release)", names.join(", "));
    progress::step(&step, || compile(&names, &build_dir(), None))?;
    programs.iter().map(|program| image(program, &program.name, &build_dir(), VERSION)).collect()
}

/// A program as its image has it.
pub fn program(name: &str) -> Result<PathBuf> {
    let all = programs();
    let names: Vec<_> = all.iter().map(|p| p.name.as_str()).collect();
    let step = format!("compile {name} (static, release)");
    progress::step(&step, || compile(&names, &build_dir(), None))?;
    Ok(build_dir().join(TARGET).join("release").join(name))
}

/// The operator of this very source, built as another version: of all that is compiled only its `main` knows that.
pub(super) fn next() -> Result<Built> {
    let all = programs();
    let names: Vec<_> = all.iter().map(|p| p.name.as_str()).collect();
    let operator = all.iter().find(|p| p.name == "operator").context("there is an operator")?;
    let version = next_version();
    // With the others, whose wishes decide with which features libraries are built: so they are built already.
    let step = format!("compile operator as {version} (static, release)");
    progress::step(&step, || compile(&names, &build_dir(), Some(&version)))?;
    image(operator, "next-operator", &build_dir(), &version)
}

fn next_version() -> String {
    let mut numbers = VERSION.split('.').map(|n| n.parse::<u64>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    format!("{major}.{}.0", minor + 1)
}

fn compile(packages: &[&str], dir: &Path, version: Option<&str>) -> Result<()> {
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|h| h + "/.cargo"))?;
    let root = paths::root();
    // No path of the building machine ends up in a binary, so that it's the same wherever it was built.
    let flags =
        format!("{FLAGS} --remap-path-prefix={home}=/cargo --remap-path-prefix={}=/orion", root.display());
    let mut cargo = sh::cargo();
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    // A folder of its own: other flags in the shared one would rebuild the world at each change of task.
    cargo.env("CARGO_TARGET_DIR", dir).env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", flags);
    cargo.args(["build", "--release", "--locked", "--bins", "--target", TARGET]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    match version {
        Some(version) => cargo.env("ORION_VERSION", version),
        None => cargo.env_remove("ORION_VERSION"),
    };
    sh::run(&mut cargo).context("the images' programs do not compile")
}

fn build_dir() -> PathBuf {
    paths::images().join("build")
}

/// `name` is the archive's, `version` what the binary under `dir` was built as.
fn image(program: &Program, name: &str, dir: &Path, version: &str) -> Result<Built> {
    let binary = dir.join(TARGET).join("release").join(&program.name);
    let layer = paths::images().join(format!("{name}.layer.tar"));
    write_layer(&layer, &program.name, &binary)?;
    let settings = settings(program, version);
    let key = archive::sha256_text(&format!("{}{:?}", archive::sha256_file(&layer)?, settings));
    let path = paths::images().join(format!("archives/{name}-{}.tar", &key[..12]));
    let fresh = !path.exists();
    if fresh {
        archive::write(&path, &settings, &layer)?;
        remove_older(name, &path);
    }
    std::fs::remove_file(&layer)?;
    let built = Built::read(name, &settings.reference, &path, fresh)?;
    if built.bytes > LIMIT {
        let (has, may) = (built.bytes as f64 / 1e6, LIMIT as f64 / 1e6);
        bail!(
            "the image of {name} has {has:.1} MB, more than the {may} MB an image may have: see what it links"
        );
    }
    Ok(built)
}

fn settings(program: &Program, version: &str) -> archive::Settings {
    let labels = BTreeMap::from([
        ("org.opencontainers.image.title", program.name.as_str()),
        ("org.opencontainers.image.description", &program.summary),
        ("org.opencontainers.image.version", version),
        ("org.opencontainers.image.licenses", "Apache-2.0"),
        ("org.opencontainers.image.vendor", "ORION"),
    ]);
    archive::Settings {
        reference: format!("{REGISTRY}/{}:{version}", program.name),
        entrypoint: vec![format!("/{}", program.name)],
        user: format!("{USER}:{USER}"),
        env: vec!["PATH=/".into()],
        labels: labels.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
    }
}

/// The binary, a user by name, and the public authorities that a store outside of the cluster may be certified by.
fn write_layer(out: &Path, name: &str, binary: &Path) -> Result<()> {
    let program = std::fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let authorities = "/etc/ssl/certs/ca-certificates.crt";
    let authorities = std::fs::read(authorities)
        .with_context(|| format!("{authorities}: apt-get install ca-certificates"))?;
    let mut layer = tar::Builder::new(File::create(out)?);
    for dir in ["etc", "etc/ssl", "etc/ssl/certs"] {
        archive::add_dir(&mut layer, dir, 0o755)?;
    }
    let passwd = format!("orion:x:{USER}:{USER}::/:/sbin/nologin\n");
    archive::add(&mut layer, "etc/passwd", 0o644, passwd.as_bytes())?;
    archive::add(&mut layer, "etc/group", 0o644, format!("orion:x:{USER}:\n").as_bytes())?;
    archive::add(&mut layer, "etc/ssl/certs/ca-certificates.crt", 0o644, &authorities)?;
    archive::add(&mut layer, name, 0o755, &program)?;
    layer.into_inner()?.flush()?;
    Ok(())
}

fn remove_older(name: &str, keep: &Path) {
    let prefix = format!("{name}-");
    let current = keep.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for entry in std::fs::read_dir(paths::images().join("archives")).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.starts_with(&prefix) && !file.starts_with(&current) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
