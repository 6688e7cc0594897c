//! Data in, backup, data gone, restore: the same data.

use super::s3::Bucket;
use super::stage::{KEYS, Stage};
use storekeeper::backup::document::Location;
use testkit::Authority;

const AT: &str = "2026-11-24T03:00:00Z";
const NAME: &str = "20261124T030000Z";

#[tokio::test]
async fn what_was_lost_comes_back_and_what_was_there_before_stays_aside() {
    let stage = Stage::new().await;
    stage.fill().await;
    let name = stage.back_up(&stage.volume(), AT, 7).await.unwrap();
    assert_eq!(name, NAME);

    stage.auth("DELETE FROM people; INSERT INTO people (name) VALUES ('Mallory')").await;
    stage.ask("FLUSHALL").await;
    stage.ask("SET config:a other").await;
    // A service is connected all the time: its session ends, and the next one finds what was restored.
    let mut connected = stage.enter("auth", "secret", "auth_db").await.unwrap();
    stage.restore(&stage.restore_work(&stage.volume(), &name), KEYS).await.unwrap();

    sqlx::query("SELECT 1").execute(&mut connected).await.unwrap_err();
    assert_eq!(stage.people("auth_db").await, ["Ada", "Grace"]);
    // It owns what it owned, and its numbers go on where they were.
    stage.auth("ALTER TABLE people ADD COLUMN born date; INSERT INTO people (name) VALUES ('Joan')").await;
    assert_eq!(stage.people("auth_db").await, ["Ada", "Grace", "Joan"]);
    assert_eq!(stage.people("auth_db_before_20261124T030000Z_1").await, ["Mallory"]);
    assert_eq!(stage.ask("GET config:a").await.as_string().as_deref(), Some("one"));
    assert_eq!(stage.ask("HGET config:b y").await.as_string().as_deref(), Some("2"));
    let lives = stage.ask("TTL config:c").await.as_i64().unwrap();
    assert!((1..=3600).contains(&lives), "{lives}");
}

#[tokio::test]
async fn a_restore_that_was_done_is_not_done_again_unless_asked_to() {
    let stage = Stage::new().await;
    stage.fill().await;
    let name = stage.back_up(&stage.volume(), AT, 7).await.unwrap();
    let mut work = stage.restore_work(&stage.volume(), &name);
    stage.restore(&work, KEYS).await.unwrap();
    stage.auth("INSERT INTO people (name) VALUES ('Joan')").await;
    stage.ask("SET config:a after").await;

    // The Job runs again, long after the backup has had its time.
    std::fs::remove_dir_all(stage.path("volume")).unwrap();
    stage.restore(&work, KEYS).await.unwrap();
    assert_eq!(stage.people("auth_db").await, ["Ada", "Grace", "Joan"]);
    assert_eq!(stage.ask("GET config:a").await.as_string().as_deref(), Some("after"));

    let name = stage.back_up(&stage.volume(), AT, 7).await.unwrap();
    stage.auth("DELETE FROM people").await;
    work = stage.restore_work(&stage.volume(), &name);
    work.attempt = 2;
    stage.restore(&work, KEYS).await.unwrap();
    assert_eq!(stage.people("auth_db").await, ["Ada", "Grace", "Joan"]);
}

/// The disaster: nothing is left but the bucket.
#[tokio::test]
async fn fresh_stores_get_everything_back_from_a_bucket() {
    let bucket = Bucket::new().await;
    let lost = Stage::new().await;
    lost.fill().await;
    // More than one part, and nothing that can be compressed.
    lost.auth(
        "CREATE TABLE bulk AS SELECT string_agg(sha512((n * 100 + m)::text::bytea), ''::bytea) AS data \
         FROM generate_series(1, 6000) n, generate_series(1, 50) m GROUP BY n",
    )
    .await;
    let name = lost.back_up(&bucket.location(), AT, 7).await.unwrap();
    let size = std::fs::metadata(bucket.objects().join(&name).join("postgres/auth_db.dump")).unwrap().len();
    assert!(size > 16 << 20, "{size} bytes fit into one part");
    drop(lost);

    let fresh = Stage::new().await;
    fresh.restore(&fresh.restore_work(&bucket.location(), &name), KEYS).await.unwrap();
    assert_eq!(fresh.people("auth_db").await, ["Ada", "Grace"]);
    let mut inside = fresh.enter("auth", "secret", "auth_db").await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM bulk").fetch_one(&mut inside).await.unwrap();
    assert_eq!(rows, 6000);
    assert_eq!(fresh.ask("GET config:a").await.as_string().as_deref(), Some("one"));
    // And the next backup of them works, without what was put aside.
    fresh.provision().await;
    let next = fresh.back_up(&bucket.location(), "2026-11-25T03:00:00Z", 7).await.unwrap();
    let dumps = std::fs::read_dir(bucket.objects().join(next).join("postgres")).unwrap();
    let mut dumps: Vec<String> = dumps.map(|d| d.unwrap().file_name().into_string().unwrap()).collect();
    dumps.sort();
    assert_eq!(dumps, ["auth_db.dump", "user_db.dump"]);
}

/// As many keep their own S3 service: on https, with an authority that nobody else knows.
#[tokio::test]
async fn a_bucket_behind_tls_with_an_authority_of_its_own_keeps_and_gives_back() {
    let authority = Authority::new();
    let bucket = Bucket::of(&authority).await;
    let stage = Stage::new().await;
    stage.fill().await;
    let name = stage.back_up(&bucket.location(), AT, 7).await.unwrap();
    assert!(bucket.objects().join(&name).join("manifest.json").is_file());
    let bytes = stage.backup(&bucket.location(), 7).list().await.unwrap();
    assert!(bytes.starts_with(&format!("{name} ")), "{bytes}");
    stage.auth("DELETE FROM people").await;
    stage.restore(&stage.restore_work(&bucket.location(), &name), KEYS).await.unwrap();
    assert_eq!(stage.people("auth_db").await, ["Ada", "Grace"]);
}

#[tokio::test]
async fn a_bucket_whose_certificate_is_of_nobody_that_is_trusted_gets_nothing_and_what_to_do_is_said() {
    let bucket = Bucket::of(&Authority::new()).await;
    let stage = Stage::new().await;
    let other = stage.file("other.crt", Authority::new().pem());
    let said = async |change: &dyn Fn(&mut Location)| {
        let mut location = bucket.location();
        change(&mut location);
        stage.back_up(&location, AT, 7).await.unwrap_err().to_string()
    };
    for ca in [Some(other), None] {
        let said = said(&|location| location.s3.as_mut().unwrap().ca_file = ca.clone()).await;
        assert!(said.contains("signed by none of the authorities that are trusted"), "{said}");
        assert!(said.contains("caSecretRef"), "{said}");
    }
    let by_address = |location: &mut Location| {
        let s3 = location.s3.as_mut().unwrap();
        s3.endpoint = s3.endpoint.replace("localhost", "127.0.0.1");
    };
    let said = said(&by_address).await;
    assert!(said.contains("certificate not valid for name"), "{said}");
    assert!(!bucket.objects().exists(), "something was kept");
}
