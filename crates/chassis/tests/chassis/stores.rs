//! Stores that go away are found again; meanwhile nobody waits for them.

use axum::response::IntoResponse;
use contracts::problem::*;
use reqwest::Method;
use testkit::{Env, eventually, problem, spawn};

use crate::sample::Sample;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_fails_at_once_without_redis_and_works_when_it_is_back() {
    let (env, proxy) = Env::of("user").await.through_proxy("ORION_REDIS_URL").await;
    let service = spawn::<Sample>(env).await;
    let put = async || service.request(Method::PUT, "/notes/user:a").send().await.unwrap();
    assert_eq!(put().await.status(), 200);
    for _ in 0..3 {
        proxy.cut();
        let answer = eventually("Redis is missed", || async {
            let answer = put().await;
            (!answer.status().is_success()).then_some(answer)
        })
        .await;
        assert_eq!(answer.headers()["retry-after"], "1");
        assert!(problem(answer).await.is(UNAVAILABLE));
        proxy.restore();
        eventually("Redis is found again", || async { put().await.status().is_success().then_some(()) })
            .await;
    }
    let note = service.get("/notes/user:a").send().await.unwrap();
    assert_eq!(note.text().await.unwrap(), "noted");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_reaches_no_key_but_its_own() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let answer = service.request(Method::PUT, "/notes/auth:a").send().await.unwrap();
    assert!(answer.status().is_server_error());
    let error = service.chassis().redis().get("revoked:epoch").await.unwrap_err();
    assert!(error.to_string().contains("NOPERM"), "{error}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_answers_as_its_small_api_says() {
    use std::time::Duration;
    let service = spawn::<Sample>(Env::of("user").await).await;
    let redis = service.chassis().redis();
    let keys = |names: &[&str]| names.iter().map(|name| format!("user:{name}")).collect::<Vec<_>>();
    assert!(redis.set_nx_ex("user:a", "1", Duration::from_secs(60)).await.unwrap());
    assert!(!redis.set_nx_ex("user:a", "2", Duration::from_secs(60)).await.unwrap());
    assert_eq!(redis.get("user:a").await.unwrap().as_deref(), Some("1"));
    assert_eq!(redis.mget(&keys(&["b", "a"])).await.unwrap(), [None, Some("1".to_owned())]);
    assert_eq!(redis.exists(&keys(&["a", "b"])).await.unwrap(), 1);
    let script = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
    let counted: u64 = redis.eval(script, &keys(&["count"]), &["5".to_owned()]).await.unwrap();
    assert_eq!(counted, 5);
    assert_eq!(redis.del(&keys(&["a", "b", "count"])).await.unwrap(), 2);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_itself_asks_to_try_again_and_what_does_not_is_internal() {
    let database = testkit::postgres().await;
    let pool = database.pool().await;
    let fails = async |code: &str| {
        let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$");
        let error = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap_err();
        chassis::Problem::from(error).into_response()
    };
    // A lock timeout, a transaction's timeout, a deadlock, a conflict, a statement's timeout, no connection left.
    for code in ["55P03", "25P03", "40P01", "40001", "57014", "53300"] {
        let answer = fails(code).await;
        assert_eq!(answer.status(), 503, "{code}");
        assert_eq!(answer.headers()["retry-after"], "1", "{code}");
    }
    assert_eq!(fails("23505").await.status(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_survives_the_database() {
    let database = testkit::postgres().await;
    let pool = database.pool().await;
    for now in [chassis::Clock::system().now(), "1969-12-31T23:59:59.999999Z".parse().unwrap()] {
        let sql = "SELECT $1, $1 = $2::timestamptz, ARRAY[$1]";
        let (back, same, array): (chassis::Time, bool, Vec<chassis::Time>) = sqlx::query_as(sql)
            .bind(chassis::Time(now))
            .bind(now.to_string())
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!((back.0, same, array), (now, true, vec![chassis::Time(now)]));
    }
}

/// It answers and gives what it has: a ping would not tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_out_of_memory_is_named_and_well_again_with_more() {
    let alone = testkit::alone(catalog::Store::Redis).await;
    let testkit::Administrator { port, username, password, .. } = &alone.administrator;
    let url = contracts::Secret::from(format!("redis://{username}:{password}@127.0.0.1:{port}"));
    let stop = tokio_util::sync::CancellationToken::new();
    let redis = chassis::stores::Redis::connect(&url, None, stop.clone()).unwrap();
    let well = || async { redis.check().await.ok() };
    eventually("it is found", well).await;
    let room = async |bytes: &str| {
        let set = ["SET", "maxmemory", bytes].map(str::to_owned).to_vec();
        redis.command::<chassis::stores::redis::Value>("CONFIG", set).await.unwrap();
    };
    room("1").await;
    let said = redis.check().await.unwrap_err();
    assert!(said.contains("out of memory") && said.contains("raise its memory limit"), "{said}");
    room("0").await;
    assert_eq!(redis.check().await, Ok(()));
    stop.cancel();
}
