//! The resource as the API server takes it: good specs are accepted, bad ones refused with what to write instead, and
//! every field is explained.

use anyhow::{Context, Result, bail};
use e2e::ground::{Ground, ground};
use e2e::{Arena, scene, status, tools};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use operator::api::{Phase, examples};
use serde_json::{Value, json};

/// Nobody looks after platforms there.
const NAMESPACE: &str = "default";

async fn platforms(ground: &Ground) -> Result<Api<DynamicObject>> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("orion.dev", "v1alpha1", "OrionPlatform"));
    Ok(Api::namespaced_with(ground.client().await?, NAMESPACE, &resource))
}

fn manifest(name: &str, spec: &str) -> Result<DynamicObject> {
    Ok(serde_json::from_value(examples::manifest(NAMESPACE, name, spec))?)
}

fn dry() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_specs_are_accepted() -> Result<()> {
    let platforms = platforms(&*ground().await?).await?;
    for good in examples::GOOD {
        let taken = platforms.create(&dry(), &manifest("good", good.spec)?).await;
        let taken = taken.with_context(|| format!("{}: {}", good.what, good.spec))?;
        // A reader that asks before the operator has answered must see that nothing was observed yet.
        assert_eq!(taken.data["status"]["observedGeneration"], -1, "{}", good.what);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_specs_are_refused_with_what_to_write() -> Result<()> {
    let platforms = platforms(&*ground().await?).await?;
    let mut wrong = Vec::new();
    for bad in examples::BAD {
        match platforms.create(&dry(), &manifest("bad", bad.spec)?).await {
            Ok(_) => wrong.push(format!("{}: was accepted", bad.what)),
            Err(kube::Error::Api(refusal)) => {
                let message = &refusal.message;
                if !message.contains(bad.field) || !message.contains(bad.says) {
                    wrong.push(format!("{}: {message}\n  lacks {:?} or {:?}", bad.what, bad.field, bad.says));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    assert!(examples::BAD.len() >= 30);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_objects_cannot_be_named_after_are_refused() -> Result<()> {
    let platforms = platforms(&*ground().await?).await?;
    for (name, says) in examples::NAMES {
        let outcome = platforms.create(&dry(), &manifest(name, "{}")?).await;
        assert_said(name, outcome, *says);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_would_lose_data_are_refused() -> Result<()> {
    let platforms = platforms(&*ground().await?).await?;
    for (number, change) in examples::CHANGES.iter().enumerate() {
        let name = format!("change-{number}");
        let mut object = platforms.create(&PostParams::default(), &manifest(&name, change.from)?).await?;
        object.data["spec"] = manifest(&name, change.to)?.data["spec"].take();
        let outcome = platforms.replace(&name, &dry(), &object).await;
        platforms.delete(&name, &DeleteParams::default()).await?;
        assert_said(change.what, outcome, change.refused);
    }
    Ok(())
}

#[track_caller]
fn assert_said(what: &str, outcome: kube::Result<DynamicObject>, refused: Option<&str>) {
    match (outcome, refused) {
        (Ok(_), None) => {}
        (Ok(_), Some(says)) => panic!("{what}: was accepted, should be refused with {says:?}"),
        (Err(error), Some(says)) if error.to_string().contains(says) => {}
        (Err(error), _) => panic!("{what}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_operator_can_see_is_answered_in_the_status_and_nothing_is_made() -> Result<()> {
    scene("crd-invalid", async |arena| {
        arena.apply(json!({"paused": true})).await?;
        for invalid in examples::INVALID {
            let mut platform = arena.platforms.get("orion").await?;
            platform.spec = examples::platform(&arena.namespace, "orion", invalid.spec).spec;
            arena.platforms.replace("orion", &PostParams::default(), &platform).await?;
            said_invalid(arena, invalid).await?;
        }
        let made = arena.api::<StatefulSet>().list(&ListParams::default()).await?;
        assert!(made.items.is_empty());
        Ok(())
    })
    .await
}

async fn said_invalid(arena: &Arena, invalid: &examples::Bad) -> Result<()> {
    let platform = arena
        .until(&format!("{} is answered", invalid.what), |platform| {
            let said = platform.status.as_ref().and_then(|status| status.message.as_deref());
            said.is_some_and(|said| said.contains(invalid.says) && said.contains(invalid.field))
        })
        .await?;
    assert_eq!(platform.status.as_ref().and_then(|status| status.phase), Some(Phase::Invalid));
    assert_eq!(status::observed(&platform), platform.metadata.generation);
    assert!(!status::is_true(&platform, "Ready"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_does_not_exist_is_named() -> Result<()> {
    let ground = ground().await?;
    let file = e2e::ground::root().join("target/e2e/unknown-field.json");
    std::fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
    std::fs::write(&file, examples::manifest(NAMESPACE, "typo", "{postgress: {}}").to_string())?;
    let file = file.to_str().context("the repository's path is not UTF-8")?;
    let output =
        tools::output(&ground.cluster, "kubectl", &["create", "--dry-run=server", "-f", file]).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(r#"unknown field "spec.postgress""#), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_explained() -> Result<()> {
    let ground = ground().await?;
    let document =
        tools::kubectl(&ground.cluster, &["get", "--raw", "/openapi/v3/apis/orion.dev/v1alpha1"]).await?;
    let document: Value = serde_json::from_str(&document)?;
    let schema = &document["components"]["schemas"]["dev.orion.v1alpha1.OrionPlatform"];
    let mut silent = Vec::new();
    for part in ["spec", "status"] {
        unexplained(part, &schema["properties"][part], &mut silent);
    }
    assert!(silent.is_empty(), "not explained: {}", silent.join(", "));
    for (path, says) in [
        ("orionplatform", "DESCRIPTION"),
        ("orionplatform.spec", "Default:"),
        ("orionplatform.spec.postgres.managed.storage", "unit"),
        ("orionplatform.spec.services.env", "environment variables"),
        ("orionplatform.status.conditions", "Ready"),
    ] {
        let text = tools::kubectl(&ground.cluster, &["explain", path]).await?;
        assert!(text.contains(says) && !text.contains("<no description>"), "{path}: {text}");
    }
    Ok(())
}

fn unexplained(path: &str, schema: &Value, silent: &mut Vec<String>) {
    if schema["description"].as_str().unwrap_or_default().trim().is_empty() {
        silent.push(path.to_owned());
    }
    // What is in a list is explained by the list.
    let fields = [
        &schema["properties"],
        &schema["items"]["properties"],
        &schema["additionalProperties"]["properties"],
    ];
    for (name, field) in fields.into_iter().filter_map(Value::as_object).flatten() {
        unexplained(&format!("{path}.{name}"), field, silent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_samples_are_accepted() -> Result<()> {
    let ground = ground().await?;
    let samples = e2e::ground::root().join("manifests/samples");
    for entry in std::fs::read_dir(&samples)? {
        let path = entry?.path();
        let file = path.to_str().context("a sample's path is UTF-8")?;
        // The one file that is not itself for the cluster says which of the others are.
        let what = if file.ends_with("kustomization.yaml") {
            ["-k", samples.to_str().context("the repository's path is UTF-8")?]
        } else {
            ["-f", file]
        };
        let arguments = [&["apply", "--dry-run=server"][..], &what].concat();
        let output = tools::output(&ground.cluster, "kubectl", &arguments).await?;
        if !output.status.success() {
            bail!("{file}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(())
}
