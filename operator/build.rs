//! Which version this operator is: its package's, or the one that it is built as. An operator's version decides what it
//! rolls out, so that to try an upgrade takes two builds of one source.

fn main() {
    println!("cargo::rerun-if-env-changed=ORION_VERSION");
    let version = std::env::var("ORION_VERSION").or_else(|_| std::env::var("CARGO_PKG_VERSION"));
    println!("cargo::rustc-env=ORION_BUILD_VERSION={}", version.expect("cargo names the package's version"));
}
