//! `cargo xtask up`: from nothing to a platform that answers, and nothing at all when it already does.

mod images;
pub mod operator;
pub mod platform;
mod view;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::cli::Up;
use crate::images::Built;
use crate::on::{self, Target};
use crate::state::State;
use crate::{cli::On, paths, progress, sh, status};

pub(crate) use images::load;
pub(crate) use platform::restart;
pub use view::wait_ready;

pub fn command(options: &Up) -> Result<()> {
    let start = Instant::now();
    let manifest = paths::root().join(&options.manifest);
    if !manifest.exists() {
        bail!("there is no manifest {}", paths::shown(&manifest));
    }
    let on = on::pick(options.on)?;
    let registry = options.registry.as_deref();
    if registry.is_some() && on != On::Current {
        bail!("--registry is for --on current: on a {on} cluster the images are loaded from here");
    }
    let (target, built, created) = cluster_and_images(on, options.nodes)?;
    let mut state = State::of(on, &target.uid()?);
    state.write()?;
    if on == On::Current {
        images::announce(registry);
    }

    let loaded = images::load(&target, &built, &mut state)?;
    let installed = operator::install(&target, &built, registry, &mut state)?;
    let (platform, applied) = platform::apply(&target, &manifest, registry, &mut state)?;
    let restarted = platform::restart(&target, &platform, &loaded)?;
    view::wait_ready(&target, &platform, options.timeout)?;

    let changed = created || !loaded.is_empty() || installed || applied || restarted;
    say_how(&target, &platform)?;
    match changed {
        true => println!("\nup in {}", progress::elapsed(start)),
        false => println!("\nnothing was changed: all of it was up already ({})", progress::elapsed(start)),
    }
    Ok(())
}

/// The compiler and the cluster's start use the machine at the same time; each says how far it is.
fn cluster_and_images(on: On, nodes: usize) -> Result<(Target, Vec<Built>, bool)> {
    if on == On::Current {
        let (target, created) = Target::ensure(on, nodes)?;
        return Ok((target, vec![], created));
    }
    let (target, built) = std::thread::scope(|scope| {
        let images = scope.spawn(|| crate::images::build(&images::wanted(on)));
        let target = Target::ensure(on, nodes);
        (target, images.join().expect("making images does not panic"))
    });
    let (target, created) = target?;
    Ok((target, built?, created))
}

fn say_how(target: &Target, platform: &status::Platform) -> Result<()> {
    let (namespace, name) = (&platform.namespace, &platform.name);
    let url = status::gateway_url(target, namespace, name)?;
    let secret = catalog::object_name(name, "admin");
    let read = |key: &str| {
        let path = format!("jsonpath={{.data.{key}}}");
        target.get(&["get", "secret", &secret, "--namespace", namespace, "-o", &path])
    };
    let email = read("email").and_then(|text| decoded(&text)).unwrap_or_else(|_| "admin@orion.local".into());
    let password = format!(
        "cargo xtask kubectl -n {namespace} get secret {secret} -o jsonpath='{{.data.password}}' | base64 -d"
    );
    let Some(url) = url else {
        println!(
            "\n{namespace}/{name} is ready; its gateway is not exposed: set spec.exposure.nodePort to reach it"
        );
        return Ok(());
    };
    println!("\ngateway    {url}");
    println!("first administrator's password:");
    println!("  {password}");
    println!("log in:");
    println!("  curl -sS {url}/api/auth/login -H 'content-type: application/json' \\");
    println!("    -d '{{\"email\":\"{email}\",\"password\":\"'\"$({password})\"'\"}}'");
    Ok(())
}

fn decoded(base64: &str) -> Result<String> {
    let mut decode = std::process::Command::new("sh");
    sh::output(decode.args(["-c", "printf %s \"$1\" | base64 -d", "sh", base64]))
}
