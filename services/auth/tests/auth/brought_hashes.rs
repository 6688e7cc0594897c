//! Hashes that accounts brought along from elsewhere: bcrypt, and what is no hash at all.

use crate::stage::{PASSWORD, Person, Stage, credential_body, refused};
use contracts::problem;
use reqwest::StatusCode;

/// Of `PASSWORD`, by libxcrypt.
const BCRYPT: &str = "$06$If6bvum7DFjUnE9p2uDeDutaDFf3.2WAc8GJmtkpWbY9Jgd/Ygnf.";

impl Stage {
    async fn brings(&self, person: &Person, hash: &str) {
        sqlx::query("UPDATE credentials SET password_hash = $2 WHERE user_id = $1")
            .bind(person.id)
            .bind(hash)
            .execute(self.db())
            .await
            .unwrap();
    }

    async fn hash_of(&self, person: &Person) -> String {
        sqlx::query_scalar("SELECT password_hash FROM credentials WHERE user_id = $1")
            .bind(person.id)
            .fetch_one(self.db())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn bcrypt_signs_in_and_is_replaced_by_argon2id_at_that_login() {
    let stage = Stage::new().await;
    for kind in ["$2a", "$2b", "$2y"] {
        let person = stage.person().await;
        let brought = format!("{kind}{BCRYPT}");
        stage.brings(&person, &brought).await;

        refused(stage.try_login(&person.email, "another").await, problem::INVALID_CREDENTIALS).await;
        assert_eq!(stage.hash_of(&person).await, brought, "only who knows the password changes it");

        stage.login(&person).await;
        let made = stage.hash_of(&person).await;
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kind}: {made}");
        stage.login(&person).await;
        assert_eq!(stage.hash_of(&person).await, made, "once");
        refused(stage.try_login(&person.email, "another").await, problem::INVALID_CREDENTIALS).await;
    }
}

#[tokio::test]
async fn a_repeated_credential_is_recognised_by_its_bcrypt_hash() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    stage.brings(&person, &format!("$2b{BCRYPT}")).await;
    let mut body = credential_body(&person.email);
    let again = stage.credential(person.id, &body).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    body["password"] = "incorrect horse battery".into();
    let other = stage.credential(person.id, &body).send().await.unwrap();
    refused(other, problem::CONFLICT).await;
}

#[tokio::test]
async fn a_hash_that_cannot_be_used_lets_nobody_in_and_breaks_nothing() {
    let stage = Stage::new().await;
    let well = stage.person().await;
    for hash in ["", "abc", "$2b$", "$2b$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", "$2b$ä"]
    {
        let person = stage.person().await;
        stage.brings(&person, hash).await;
        // The words are those of a wrong password: nobody learns from them which accounts there are.
        refused(stage.try_login(&person.email, PASSWORD).await, problem::INVALID_CREDENTIALS).await;
        assert_eq!(stage.hash_of(&person).await, hash);
    }
    assert_eq!(stage.count("SELECT count(*) FROM login_attempts WHERE outcome = 'wrong_password'").await, 5);
    stage.login(&well).await;
}
