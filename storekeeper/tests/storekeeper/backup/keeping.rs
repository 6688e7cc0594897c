//! What counts as a backup, how long it is kept, and who may read the stores.

use sqlx::Executor;

use super::s3::Bucket;
use super::stage::{KEYS, Stage};
use crate::support::ask;

fn day(day: u32) -> String {
    format!("2026-11-{day:02}T03:00:00Z")
}

fn names(folder: std::path::PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn older_backups_go_when_a_newer_one_counts() {
    let (stage, bucket) = (Stage::new().await, Bucket::new().await);
    stage.fill().await;
    for (location, folder) in
        [(stage.volume(), stage.path("volume/shop/orion")), (bucket.location(), bucket.objects())]
    {
        for n in 1..=3 {
            stage.back_up(&location, &day(n), 2).await.unwrap();
        }
        assert_eq!(names(folder), ["20261102T030000Z", "20261103T030000Z"]);
        let listed = stage.backup(&location, 2).list().await.unwrap();
        let lines: Vec<_> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
        assert_eq!(
            lines.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["20261103T030000Z", "20261102T030000Z"]
        );
        assert!(lines.iter().all(|(_, bytes)| bytes.parse::<u64>().is_ok_and(|bytes| bytes > 0)), "{listed}");
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_in_the_middle_does_not_count_and_removes_nothing() {
    let (stage, bucket) = (Stage::new().await, Bucket::new().await);
    stage.fill().await;
    for location in [stage.volume(), bucket.location()] {
        stage.back_up(&location, &day(1), 1).await.unwrap();
        let cut = stage.backup(&location, 1);
        let name = cut.begin(day(2).parse().unwrap(), KEYS).await.unwrap();
        cut.postgres().await.unwrap();

        let refused =
            stage.restore(&stage.restore_work(&location, &name), KEYS).await.unwrap_err().to_string();
        assert!(
            refused
                .ends_with("there is no complete backup 20261102T030000Z; the newest are: 20261101T030000Z"),
            "{refused}"
        );
        stage.restore(&stage.restore_work(&location, "20261101T030000Z"), KEYS).await.unwrap();
        // The next one removes what was left, and only then the last good one.
        stage.back_up(&location, &day(3), 1).await.unwrap();
        let folder = match location.volume {
            Some(_) => stage.path("volume/shop/orion"),
            None => bucket.objects(),
        };
        assert_eq!(names(folder), ["20261103T030000Z"]);
    }
}

#[tokio::test]
async fn a_dump_that_fails_leaves_nothing_and_says_why_in_one_line() {
    let (stage, bucket) = (Stage::new().await, Bucket::new().await);
    stage.fill().await;
    // It waits for this, and is ended while it waits, as by a store that is stopped.
    let mut locks = stage.enter("auth", "secret", "auth_db").await.unwrap();
    locks.execute("BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let backup = stage.backup(&bucket.location(), 7);
    backup.begin(day(1).parse().unwrap(), KEYS).await.unwrap();
    let (failed, ()) = tokio::join!(backup.postgres(), async {
        testkit::eventually("pg_dump waits", || async {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' \
                           AND wait_event_type = 'Lock'";
            let waiting: i64 =
                sqlx::query_scalar(waiting).fetch_one(&mut stage.administrator().await).await.unwrap();
            (waiting > 0).then_some(())
        })
        .await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'";
        stage.administrator().await.execute(end).await.unwrap();
    });
    let said = failed.unwrap_err().to_string();
    assert!(said.contains("pg_dump: error:") && !said.contains('\n'), "{said}");
    assert!(!bucket.objects().exists(), "something was left");
}

#[tokio::test]
async fn wrong_credentials_are_one_clear_line() {
    let (stage, bucket) = (Stage::new().await, Bucket::new().await);
    bucket.set_key("another");
    let backup = stage.backup(&bucket.location(), 7);
    let said = backup.begin(day(1).parse().unwrap(), KEYS).await.unwrap_err().to_string();
    assert!(
        said.starts_with("s3 http://127.0.0.1:") && said.contains("bucket backups: SignatureDoesNotMatch"),
        "{said}"
    );
    assert!(said.contains("Look at access-key-id and secret-access-key in the Secret"), "{said}");
    assert!(!said.contains('\n') && !said.contains("X-Amz"), "{said}");
}

#[tokio::test]
async fn the_reader_can_change_nothing() {
    let stage = Stage::new().await;
    stage.fill().await;
    let mut reader = stage.enter("orion_backup", "reads", "auth_db").await.unwrap();
    for statement in
        ["INSERT INTO people (name) VALUES ('Mallory')", "CREATE TABLE own (id int)", "DROP TABLE people"]
    {
        let refused = reader.execute(statement).await.expect_err(statement).to_string();
        assert!(
            refused.contains("permission denied") || refused.contains("must be owner"),
            "{statement}: {refused}"
        );
    }
    let reader = stage.redis("orion_backup", "reads").await;
    for command in [
        "SET config:a x",
        "GET config:a",
        "KEYS *",
        "CONFIG GET *",
        "REPLICAOF NO ONE",
        "ACL LIST",
        "FLUSHALL",
    ] {
        let refused = ask(&reader, command).await.expect_err(command).to_string();
        assert!(refused.contains("no permissions") || refused.contains("NOPERM"), "{command}: {refused}");
    }
}
