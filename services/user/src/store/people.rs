//! People and their roles.

use chassis::stores::Time;
use contracts::user::Profile;
use jiff::Timestamp;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Unique, unique};
use crate::domain::person::Person;

const PROFILE: &str = "SELECT u.id, u.email, u.username, u.first_name, u.last_name, u.status, u.is_verified,
    u.email_verified_at, u.last_login_at, u.created_at, u.updated_at, u.version,
    ARRAY(SELECT role FROM user_roles r WHERE r.user_id = u.id ORDER BY role) AS roles
    FROM users u";

#[derive(FromRow)]
struct Row {
    id: Uuid,
    email: String,
    username: String,
    first_name: String,
    last_name: String,
    status: String,
    is_verified: bool,
    email_verified_at: Option<Time>,
    last_login_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
    version: i64,
    roles: Vec<String>,
}

impl TryFrom<Row> for Person {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let profile = Profile {
            id: row.id,
            email: row.email,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            roles: row.roles,
            status: row.status.parse().map_err(|e: String| sqlx::Error::Decode(e.into()))?,
            is_verified: row.is_verified,
            email_verified_at: row.email_verified_at.map(|t| t.0),
            last_login_at: row.last_login_at.map(|t| t.0),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        };
        Ok(Person { profile, version: row.version })
    }
}

pub struct NewPerson<'a> {
    pub id: Uuid,
    pub email: &'a str,
    pub username: &'a str,
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub roles: &'a [&'a str],
}

/// Adds a person who is still registering. After `reap_at` the reaper may finish or remove them.
///
/// A taken field spoils the caller's transaction, as every failed statement does.
pub async fn insert_pending(
    db: &mut PgConnection,
    new: &NewPerson<'_>,
    now: Timestamp,
    reap_at: Timestamp,
) -> sqlx::Result<Unique<()>> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, email, username, first_name, last_name, status, created_at, updated_at, reap_at)
         VALUES ($1, $2, $3, $4, $5, 'pending', $6, $6, $7)",
    )
    .bind(new.id)
    .bind(new.email)
    .bind(new.username)
    .bind(new.first_name)
    .bind(new.last_name)
    .bind(Time(now))
    .bind(Time(reap_at))
    .execute(&mut *db)
    .await;
    if let Err(taken) = unique(inserted)? {
        return Ok(Err(taken));
    }
    sqlx::query("INSERT INTO user_roles (user_id, role) SELECT $1, unnest($2)")
        .bind(new.id)
        .bind(new.roles)
        .execute(db)
        .await?;
    Ok(Ok(()))
}

/// Makes a pending person active. None if there is nobody pending with this id.
pub async fn activate(db: &mut PgConnection, id: Uuid, now: Timestamp) -> sqlx::Result<Option<Person>> {
    let done = sqlx::query(
        "UPDATE users SET status = 'active', reap_at = NULL, updated_at = $2 WHERE id = $1 AND status = 'pending'",
    )
    .bind(id)
    .bind(Time(now))
    .execute(&mut *db)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    by_id(db, id).await
}

/// Removes a pending person, with roles and remembered calls. False if there is nobody pending with this id.
pub async fn remove_pending(db: &mut PgConnection, id: Uuid) -> sqlx::Result<bool> {
    let done =
        sqlx::query("DELETE FROM users WHERE id = $1 AND status = 'pending'").bind(id).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

/// Takes up to `most` people whose registration was left, for the time until `until`. Replicas never take the same.
pub async fn claim_abandoned(
    db: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar(
        "UPDATE users SET reap_at = $2 WHERE id IN (
             SELECT id FROM users WHERE reap_at <= $1 ORDER BY reap_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING id",
    )
    .bind(Time(now))
    .bind(Time(until))
    .bind(most)
    .fetch_all(db)
    .await
}

pub async fn by_id(db: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Person>> {
    one(sqlx::query_as(sqlx::AssertSqlSafe(format!("{PROFILE} WHERE u.id = $1")))
        .bind(id)
        .fetch_optional(db)
        .await)
}

/// The same, holding the row until the transaction ends.
pub async fn by_id_for_update(db: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Person>> {
    let sql = sqlx::AssertSqlSafe(format!("{PROFILE} WHERE u.id = $1 FOR UPDATE OF u"));
    one(sqlx::query_as(sql).bind(id).fetch_optional(db).await)
}

pub async fn by_email(db: &mut PgConnection, email: &str) -> sqlx::Result<Option<Person>> {
    let sql = sqlx::AssertSqlSafe(format!("{PROFILE} WHERE u.email = $1"));
    one(sqlx::query_as(sql).bind(email).fetch_optional(db).await)
}

fn one(row: sqlx::Result<Option<Row>>) -> sqlx::Result<Option<Person>> {
    row?.map(Person::try_from).transpose()
}

/// Whether anybody who finished registering has this role.
pub async fn role_is_held(db: &mut PgConnection, role: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM user_roles r JOIN users u ON u.id = r.user_id
                        WHERE r.role = $1 AND u.status <> 'pending')",
    )
    .bind(role)
    .fetch_one(db)
    .await
}

/// Writes a changed profile; the version goes up by one. The caller holds the row.
pub async fn update_profile(db: &mut PgConnection, next: &Profile, now: Timestamp) -> sqlx::Result<Person> {
    let version = sqlx::query_scalar(
        "UPDATE users SET first_name = $2, last_name = $3, updated_at = $4, version = version + 1
         WHERE id = $1 RETURNING version",
    )
    .bind(next.id)
    .bind(&next.first_name)
    .bind(&next.last_name)
    .bind(Time(now))
    .fetch_one(db)
    .await?;
    Ok(Person { profile: Profile { updated_at: now, ..next.clone() }, version })
}
