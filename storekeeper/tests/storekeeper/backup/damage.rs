//! What can't be restored is refused before anything is touched.

use super::stage::{KEYS, Stage};

const AT: &str = "2026-11-24T03:00:00Z";

async fn backed_up() -> (Stage, String) {
    let stage = Stage::new().await;
    stage.fill().await;
    let name = stage.back_up(&stage.volume(), AT, 7).await.unwrap();
    (stage, name)
}

/// What runs is as it was, and nothing was loaded beside it.
async fn assert_untouched(stage: &Stage) {
    assert_eq!(stage.databases().await, ["auth_db", "postgres", "user_db"]);
    assert_eq!(stage.people("auth_db").await, ["Ada", "Grace"]);
    assert_eq!(stage.ask("GET config:a").await.as_string().as_deref(), Some("one"));
    let keyspace = stage.ask("INFO keyspace").await.as_string().unwrap();
    assert!(!keyspace.contains("db1:"), "{keyspace}");
}

#[tokio::test]
async fn a_damaged_file_is_refused_whichever_it_is() {
    let (stage, name) = backed_up().await;
    for file in ["postgres/auth_db.dump", "redis/dump.rdb"] {
        let path = stage.path("volume/shop/orion").join(&name).join(file);
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let middle = whole.len() / 2;
        flipped[middle] ^= 1;
        for damaged in [&flipped, &whole[..middle].to_vec()] {
            std::fs::write(&path, damaged).unwrap();
            let said = stage
                .restore(&stage.restore_work(&stage.volume(), &name), KEYS)
                .await
                .unwrap_err()
                .to_string();
            assert!(said.contains(&format!("backup {name} is damaged: {file}")), "{said}");
            assert_untouched(&stage).await;
        }
        std::fs::write(&path, whole).unwrap();
    }
    stage.restore(&stage.restore_work(&stage.volume(), &name), KEYS).await.unwrap();
}

#[tokio::test]
async fn a_backup_whose_sealed_data_could_not_be_opened_is_refused_unless_that_is_accepted() {
    let (stage, name) = backed_up().await;
    let mut work = stage.restore_work(&stage.volume(), &name);
    let said = stage.restore(&work, "ffffffff").await.unwrap_err().to_string();
    assert!(
        said.contains("was made with other keys (0a1b2c3d) than the platform has now (ffffffff)"),
        "{said}"
    );
    assert!(said.contains("restore.ignoreKeys: true"), "{said}");
    assert_untouched(&stage).await;
    work.ignore_keys = true;
    stage.restore(&work, "ffffffff").await.unwrap();
}

#[tokio::test]
async fn a_backup_of_a_newer_format_is_left_alone() {
    let (stage, name) = backed_up().await;
    let path = stage.path("volume/shop/orion").join(&name).join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    std::fs::write(&path, text).unwrap();
    let said =
        stage.restore(&stage.restore_work(&stage.volume(), &name), KEYS).await.unwrap_err().to_string();
    assert!(said.contains("is of format 2, which a newer storekeeper reads"), "{said}");
    assert_untouched(&stage).await;
}
