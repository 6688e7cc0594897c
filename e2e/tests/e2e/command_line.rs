//! The command-line client against a real platform: what a person asks of it, and what it must never tell.

use std::io::Read;

use anyhow::{Context, Result};
use e2e::arena::PLATFORM;
use e2e::{Arena, scene, status, tools};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{ListParams, ObjectMeta, PostParams};
use operator::api::{Phase, examples};
use operator::plan::{Inputs, SecretKey, plan};
use serde_json::{Value, json};

/// A value that is a Secret's and, as people do, a variable's too.
const PLANTED: &str = "planted-4f1c9b7e2d";

struct Said {
    code: Option<i32>,
    text: String,
}

/// Runs `orion` in the test's namespace.
async fn orion(arena: &Arena, arguments: &[&str]) -> Result<Said> {
    let all = [arguments, &["-n", &arena.namespace]].concat();
    let output = tools::orion(&arena.ground.cluster, &all).await?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Said { code: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() })
}

/// The same, where all is to go well and something is to be said.
async fn well(arena: &Arena, arguments: &[&str], says: &str) -> Result<String> {
    let said = orion(arena, arguments).await?;
    assert!(
        said.code == Some(0) && said.text.contains(says),
        "{arguments:?}: {:?}: {}",
        said.code,
        said.text
    );
    Ok(said.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_looked_after_from_the_command_line() -> Result<()> {
    scene("command-line", async |arena| {
        arena.apply(json!({"services": [{"name": "user", "env": variables("info")}]})).await?;
        arena.until_ready().await?;
        tells_how_it_is(arena).await?;
        pauses_and_resumes(arena).await?;
        goes_back_and_on(arena).await?;
        restarts_one_part(arena).await?;
        says_why(arena).await?;
        keeps_secrets(arena).await?;
        approves(arena).await
    })
    .await
}

fn variables(level: &str) -> Value {
    json!([{"name": "ORION_LOG", "value": level}, {"name": "PLANTED_TOKEN", "value": PLANTED}])
}

async fn tells_how_it_is(arena: &Arena) -> Result<()> {
    let text = well(arena, &["status"], PLATFORM).await?;
    for unit in ["postgres", "auth", "user", "gateway"] {
        assert!(text.contains(unit), "{unit} is not in\n{text}");
    }
    let all: Value = serde_json::from_str(&well(arena, &["status", "-o", "json"], "").await?)?;
    assert_eq!((all.as_array().map(Vec::len), &all[0]["ready"]), (Some(1), &json!(true)));
    assert_eq!(all[0]["status"]["phase"], "Ready");
    well(arena, &["why", "gateway"], "gateway is ready").await?;
    let unknown = orion(arena, &["why", "blog"]).await?;
    assert!(unknown.code == Some(2) && unknown.text.contains("gateway"), "{}", unknown.text);
    let none = orion(arena, &["status", "nobody"]).await?;
    assert!(none.code == Some(2) && none.text.contains(PLATFORM), "{}", none.text);
    Ok(())
}

async fn pauses_and_resumes(arena: &Arena) -> Result<()> {
    well(arena, &["pause"], "").await?;
    let is = |phase: Phase| move |p: &_| phase_of(p) == Some(phase);
    arena.until("it is paused", is(Phase::Paused)).await?;
    well(arena, &["pause"], "already").await?;
    well(arena, &["resume"], "").await?;
    arena.until("it goes on", is(Phase::Ready)).await?;
    Ok(())
}

fn phase_of(platform: &operator::api::OrionPlatform) -> Option<Phase> {
    platform.status.as_ref()?.phase
}

async fn goes_back_and_on(arena: &Arena) -> Result<()> {
    let of = |p: &operator::api::OrionPlatform| p.status.as_ref().and_then(|s| s.revision.clone());
    let first = arena.until_ready().await?;
    well(arena, &["history"], "current, last good").await?;
    arena.edit(json!({"services": [{"name": "user", "env": variables("debug")}]})).await?;
    let second = arena.until_ready().await?;
    let history = well(arena, &["history"], "current").await?;
    for revision in [of(&first), of(&second)].into_iter().flatten() {
        assert!(history.contains(&revision), "{revision} is not in\n{history}");
    }
    well(arena, &["rollback"], "goes back to").await?;
    arena.until("it is back", |p| of(p) == of(&first) && phase_of(p) == Some(Phase::RolledBack)).await?;
    well(arena, &["rollback", "--undo"], "goes on").await?;
    arena.until("it is on again", |p| of(p) == of(&second) && status::is_ready(p)).await?;
    Ok(())
}

async fn restarts_one_part(arena: &Arena) -> Result<()> {
    let before = uids(arena, "auth").await?;
    well(arena, &["restart", "auth"], "restarted").await?;
    e2e::eventually("auth has new pods", async || {
        let now = uids(arena, "auth").await?;
        Ok((now.len() == before.len() && now.iter().all(|uid| !before.contains(uid))).then_some(()))
    })
    .await?;
    let store = orion(arena, &["restart", "redis"]).await?;
    assert!(store.code == Some(2) && store.text.contains("--yes"), "{}", store.text);
    arena.until_ready().await.map(drop)
}

async fn uids(arena: &Arena, unit: &str) -> Result<Vec<String>> {
    let pods = arena.pods(unit).await?;
    let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(staying.filter_map(ResourceExt::uid).collect())
}

async fn says_why(arena: &Arena) -> Result<()> {
    arena.edit(json!({"services": [{"name": "user", "image": "registry.invalid/nowhere:1"}]})).await?;
    e2e::eventually("the image is named as the cause", async || {
        let said = orion(arena, &["why", "user"]).await?;
        Ok((said.text.contains("root cause: user:") && said.text.contains("Image")).then_some(()))
    })
    .await?;
    arena.edit(json!({"services": [{"name": "user", "env": variables("debug")}]})).await?;
    arena.until_ready().await.map(drop)
}

/// No value of any Secret of the namespace is in the bundle, as it is or in base64. Only names of accounts may be.
async fn keeps_secrets(arena: &Arena) -> Result<()> {
    let metadata = ObjectMeta { name: Some("planted".to_owned()), ..ObjectMeta::default() };
    let data = [("token".to_owned(), ByteString(PLANTED.into()))].into();
    let planted = Secret { metadata, data: Some(data), ..Secret::default() };
    arena.api::<Secret>().create(&PostParams::default(), &planted).await?;
    let file = e2e::ground::root().join("target/e2e/command-line.tar.gz");
    let path = file.to_str().context("the repository's path is not UTF-8")?;
    well(arena, &["support-bundle", "-o", path], "files").await?;
    let mut bundle = String::new();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&file)?));
    for entry in archive.entries()? {
        let mut text = Vec::new();
        entry?.read_to_end(&mut text)?;
        bundle.push_str(&String::from_utf8_lossy(&text));
    }
    // What would hold it is there, and something was hidden in it.
    assert!(
        bundle.contains("PLANTED_TOKEN") && bundle.contains("REDACTED"),
        "the variable is not in the bundle"
    );
    let public = public_keys(arena);
    let mut looked_for = 0;
    for secret in arena.api::<Secret>().list(&ListParams::default()).await? {
        let name = secret.name_any();
        for (key, value) in
            secret.data.iter().flatten().filter(|(key, _)| !public.contains(&(name.clone(), (*key).clone())))
        {
            let raw = String::from_utf8_lossy(&value.0).into_owned();
            let encoded = serde_json::to_value(value)?.as_str().unwrap_or_default().to_owned();
            assert!(!raw.is_empty() && !bundle.contains(&raw), "{name}/{key} is in the bundle");
            assert!(!bundle.contains(&encoded), "{name}/{key} is in the bundle, in base64");
            looked_for += 1;
        }
    }
    assert!(looked_for > 10, "only {looked_for} values were looked for");
    std::fs::remove_file(&file)?;
    Ok(())
}

/// Secret and key of what is the same in every platform: names of accounts.
fn public_keys(arena: &Arena) -> Vec<(String, String)> {
    let platform = examples::platform(&arena.namespace, PLATFORM, "{}");
    let plan = plan(&Inputs {
        platform: &platform,
        storekeeper_image: "",
        operator_namespace: "orion-system",
        operator_version: "0.1.0",
    });
    let secrets = plan.units.into_iter().flat_map(|unit| unit.secrets);
    let fixed = secrets.flat_map(|secret| {
        let keys = secret.keys.into_iter().filter(|(_, value)| matches!(value, SecretKey::Fixed(_)));
        keys.map(move |(key, _)| (secret.name.clone(), key)).collect::<Vec<_>>()
    });
    fixed.collect()
}

async fn approves(arena: &Arena) -> Result<()> {
    well(arena, &["approve"], "nothing to approve").await?;
    arena.edit(json!({"updates": "Manual"})).await?;
    arena.until_ready().await?;
    let newer = arena.ground.load_next().await?;
    arena.replace_operator(&newer).await?;
    arena.until("an update is on offer", |p| status::is_true(p, "UpdateAvailable")).await?;
    well(arena, &["history"], "available").await?;
    well(arena, &["approve"], "is approved").await?;
    let made = |p: &_| !status::is_true(p, "UpdateAvailable") && status::is_ready(p);
    arena.until("the update is made", made).await.map(drop)
}
