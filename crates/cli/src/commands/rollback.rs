//! `orion rollback`: asks the operator for an earlier revision, until the spec changes.

use super::full_name;
use super::history::{Stored, stored};
use crate::args::Rollback;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::{Result, bail};
use kube::ResourceExt;
use operator::api::OrionPlatformStatus;
use operator::controller::revisions::ROLLBACK_TO;
use serde_json::json;

pub(crate) async fn run(session: &Session, options: &Rollback, screen: &mut Screen<'_>) -> Result<()> {
    let platform = session.platform(options.name.as_deref()).await?;
    let name = full_name(&platform);
    if options.undo {
        if !platform.annotations().contains_key(ROLLBACK_TO) {
            screen.say(&format!("{name}: nothing to undo, no rollback was asked for"))?;
            return Ok(());
        }
        session.patch(&platform, json!({"metadata": {"annotations": {ROLLBACK_TO: null}}})).await?;
        screen.say(&format!("{name} goes on to what its spec says"))?;
        return Ok(());
    }
    let stored = stored(session, &platform).await?;
    let status = platform.status.clone().unwrap_or_default();
    let target = choose(&stored, &status, options.to.as_deref())?;
    let wish = format!("{}@{}", target.hash, platform.metadata.generation.unwrap_or_default());
    session.patch(&platform, json!({"metadata": {"annotations": {ROLLBACK_TO: wish}}})).await?;
    screen.say(&format!(
        "{name} goes back to {} (number {}, version {}), until its spec changes or `orion rollback --undo`",
        target.hash, target.number, target.version
    ))?;
    Ok(())
}

/// `stored` has the newest first.
fn choose<'a>(stored: &'a [Stored], status: &OrionPlatformStatus, to: Option<&str>) -> Result<&'a Stored> {
    let names = || stored.iter().map(|r| r.hash.as_str()).collect::<Vec<_>>().join(", ");
    let current = status.revision.as_deref();
    if let Some(to) = to {
        return match stored.iter().find(|revision| revision.hash == to) {
            Some(_) if current == Some(to) => bail!("{to} is what runs already"),
            Some(revision) => Ok(revision),
            None => bail!("there is no revision {to}: there is {}, see `orion history`", names()),
        };
    }
    let number = stored.iter().find(|r| current == Some(&r.hash)).map_or(i64::MAX, |r| r.number);
    // What was taken back because it failed is nothing to go back to.
    let failed = status.rollback.as_ref().map(|rollback| rollback.from.as_str());
    let mut before = stored.iter().filter(|r| r.number < number && failed != Some(&r.hash));
    match before.next() {
        Some(revision) => Ok(revision),
        None => bail!("there is no revision before the current one: there is {}", names()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::revision;
    use super::choose;
    use operator::api::{OrionPlatformStatus, Rollback};

    fn running(hash: &str) -> OrionPlatformStatus {
        OrionPlatformStatus { revision: Some(hash.into()), ..OrionPlatformStatus::default() }
    }

    #[test]
    fn the_default_is_the_newest_before_the_current_one_that_has_not_failed() {
        let stored = [revision(3, "cccc"), revision(2, "bbbb"), revision(1, "aaaa")];
        assert_eq!(choose(&stored, &running("cccc"), None).unwrap().hash, "bbbb");
        let failed = Rollback { from: "bbbb".into(), generation: 1, cause: String::new() };
        let status = OrionPlatformStatus { rollback: Some(failed), ..running("cccc") };
        assert_eq!(choose(&stored, &status, None).unwrap().hash, "aaaa");
        assert!(choose(&stored, &running("aaaa"), None).is_err());
    }

    #[test]
    fn a_revision_that_is_not_there_is_refused_with_those_that_are() {
        let stored = [revision(2, "bbbb"), revision(1, "aaaa")];
        assert_eq!(choose(&stored, &running("bbbb"), Some("aaaa")).unwrap().number, 1);
        assert!(choose(&stored, &running("bbbb"), Some("bbbb")).is_err());
        let refusal = choose(&stored, &running("bbbb"), Some("zzzz")).unwrap_err().to_string();
        assert!(refusal.contains("bbbb, aaaa"), "{refusal}");
    }
}
