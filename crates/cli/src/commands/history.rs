//! `orion history`: the revisions that are kept, and which of them runs.

use crate::problem::explain;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::Result;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::ResourceExt;
use kube::api::ListParams;
use operator::api::{OrionPlatform, OrionPlatformStatus};
use operator::plan::INSTANCE_LABEL;
use operator::revision::{HASH_LABEL, OPERATOR_VERSION, PLATFORM_VERSION};

/// A stored revision without its content.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) number: i64,
    pub(super) hash: String,
    pub(super) version: String,
    operator: String,
    /// Seconds since 1970.
    made: i64,
}

pub(crate) async fn run(session: &Session, name: Option<&str>, screen: &mut Screen<'_>) -> Result<()> {
    let platform = session.platform(name).await?;
    let stored = stored(session, &platform).await?;
    let status = platform.status.clone().unwrap_or_default();
    screen.say(&lines(&stored, &status, Timestamp::now().as_second()).join("\n"))?;
    Ok(())
}

/// The newest first.
pub(super) async fn stored(session: &Session, platform: &OrionPlatform) -> Result<Vec<Stored>> {
    let own = ListParams::default().labels(&format!("{INSTANCE_LABEL}={},{HASH_LABEL}", platform.name_any()));
    let listed = session.api::<ControllerRevision>().list(&own).await.map_err(explain("list revisions"))?;
    let mut stored: Vec<Stored> = listed.iter().map(of).collect();
    stored.sort_by_key(|revision| std::cmp::Reverse(revision.number));
    Ok(stored)
}

fn of(object: &ControllerRevision) -> Stored {
    let annotation = |name: &str| object.annotations().get(name).cloned().unwrap_or_default();
    Stored {
        number: object.revision,
        hash: object.labels().get(HASH_LABEL).cloned().unwrap_or_default(),
        version: annotation(PLATFORM_VERSION),
        operator: annotation(OPERATOR_VERSION),
        made: object.creation_timestamp().map_or(0, |time| time.0.as_second()),
    }
}

pub(super) fn lines(stored: &[Stored], status: &OrionPlatformStatus, now: i64) -> Vec<String> {
    let mut lines = vec![row("NUMBER", "REVISION", "VERSION", "OPERATOR", "AGE", "")];
    for revision in stored {
        let is = |hash: &Option<String>| hash.as_deref() == Some(&revision.hash);
        let marks = [
            (is(&status.revision), "current"),
            (is(&status.last_good_revision), "last good"),
            (is(&status.available_revision), "available"),
        ];
        let marks: Vec<&str> = marks.iter().filter(|(there, _)| *there).map(|(_, mark)| *mark).collect();
        let (number, age) = (revision.number.to_string(), age(now - revision.made));
        lines.push(row(
            &number,
            &revision.hash,
            &revision.version,
            &revision.operator,
            &age,
            &marks.join(", "),
        ));
    }
    // What is on offer is stored only once it is approved.
    if let Some(hash) = &status.available_revision
        && !stored.iter().any(|revision| revision.hash == *hash)
    {
        lines.push(row("-", hash, "-", "-", "-", "available, see `orion approve`"));
    }
    lines
}

fn row(number: &str, hash: &str, version: &str, operator: &str, age: &str, marks: &str) -> String {
    format!("{number:<7} {hash:<10} {version:<10} {operator:<10} {age:<5} {marks}").trim_end().to_owned()
}

fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{}s", seconds.max(0)),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn revision(number: i64, hash: &str) -> Stored {
        Stored { number, hash: hash.into(), version: "0.1.0".into(), operator: "0.1.0".into(), made: 0 }
    }

    #[test]
    fn each_revision_is_a_row_with_what_it_is_now() {
        let status = OrionPlatformStatus {
            revision: Some("bbbb".into()),
            last_good_revision: Some("aaaa".into()),
            available_revision: Some("cccc".into()),
            ..OrionPlatformStatus::default()
        };
        assert_eq!(
            lines(&[revision(2, "bbbb"), revision(1, "aaaa")], &status, 7_200),
            [
                "NUMBER  REVISION   VERSION    OPERATOR   AGE",
                "2       bbbb       0.1.0      0.1.0      2h    current",
                "1       aaaa       0.1.0      0.1.0      2h    last good",
                "-       cccc       -          -          -     available, see `orion approve`",
            ]
        );
    }
}
