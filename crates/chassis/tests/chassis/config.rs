//! Wrong configuration is refused as a whole, in words that say what to do, and without showing a secret.

use chassis::config::{ConfigErrors, Reader, Settings};

use crate::sample::Sample;

fn complete() -> Vec<(String, String)> {
    [
        ("ORION_PLATFORM", "orion"),
        ("ORION_NAMESPACE", "test"),
        ("ORION_TOKEN_ISSUER", "urn:orion:test:orion"),
        ("ORION_DATABASE_URL", "postgres://u:hunter2@localhost/d"),
        ("ORION_REDIS_URL", "redis://u:hunter2@localhost"),
        ("ORION_AMQP_URL", "amqp://u:hunter2@localhost/v"),
        ("ORION_PEER_AUTH_URL", "http://localhost:3001"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn read(changes: &[(&str, Option<&str>)]) -> Result<(Settings, crate::sample::Settings), ConfigErrors> {
    let mut env = complete();
    for (name, value) in changes {
        env.retain(|(known, _)| known != name);
        env.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
    }
    chassis::read::<Sample>(Reader::new(env))
}

fn refused(changes: &[(&str, Option<&str>)]) -> Vec<String> {
    read(changes).expect_err("it is refused").0
}

#[test]
fn what_is_left_out_has_its_default() {
    let (settings, own) = read(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "0.0.0.0:3002");
    assert_eq!(settings.management_listen.to_string(), "0.0.0.0:9000");
    assert_eq!(settings.shutdown_grace.as_secs(), 20);
    assert_eq!(own.slow.as_millis(), 300);
}

#[test]
fn all_that_is_wrong_is_reported_at_once() {
    let errors = refused(&[
        ("ORION_PLATFORM", None),
        ("ORION_LISTEN", Some("3000")),
        ("ORION_SHUTDOWN_GRACE", Some("20")),
        ("ORION_SAMPLE_SLOW", Some("soon")),
        ("ORION_NAMESPACE", Some("")),
        ("ORION_PEER_AUTH_URL", Some("auth")),
        ("ORION_WHATEVER", Some("1")),
    ]);
    for (name, words) in [
        ("ORION_PLATFORM", "required"),
        ("ORION_LISTEN", "3000"),
        ("ORION_SHUTDOWN_GRACE", "15m"),
        ("ORION_SAMPLE_SLOW", "duration"),
        ("ORION_NAMESPACE", "empty"),
        ("ORION_PEER_AUTH_URL", "URL"),
        ("ORION_WHATEVER", "no such setting"),
    ] {
        let said = errors.iter().any(|error| error.starts_with(name) && error.contains(words));
        assert!(said, "{name}: {words}: {errors:#?}");
    }
    assert_eq!(errors.len(), 7, "{errors:#?}");
}

#[test]
fn traces_are_off_unless_a_collector_is_named_properly() {
    let (settings, _) = read(&[]).unwrap();
    assert_eq!((settings.otlp_endpoint, settings.otlp_sample_ratio), (None, 1.0));
    let (settings, _) = read(&[("ORION_OTLP_ENDPOINT", Some("http://collector:4318"))]).unwrap();
    assert_eq!(settings.otlp_endpoint.unwrap().as_str(), "http://collector:4318/");
    for (name, value, words) in [
        ("ORION_OTLP_ENDPOINT", "collector:4318", "write a URL of the form"),
        ("ORION_OTLP_ENDPOINT", "grpc://collector:4317", "write a URL of the form"),
        ("ORION_OTLP_ENDPOINT", "http://collector:4318/v1/traces", "leave /v1/traces out"),
        ("ORION_OTLP_SAMPLE_RATIO", "10", "between 0 and 1"),
        ("ORION_OTLP_SAMPLE_RATIO", "-0.1", "between 0 and 1"),
        ("ORION_OTLP_SAMPLE_RATIO", "NaN", "between 0 and 1"),
    ] {
        let errors = refused(&[(name, Some(value))]);
        assert!(errors.len() == 1 && errors[0].starts_with(name) && errors[0].contains(words), "{errors:?}");
    }
}

#[test]
fn an_unknown_variable_is_refused_with_the_name_that_was_meant() {
    let errors = refused(&[("ORION_SHUTDOWN_GRAC", Some("1s"))]);
    assert_eq!(errors, ["ORION_SHUTDOWN_GRAC: there is no such setting; did you mean ORION_SHUTDOWN_GRACE?"]);
}

#[test]
fn what_kubernetes_sets_for_services_is_no_setting() {
    let links = [
        ("ORION_AUTH_SERVICE_HOST", "10.0.0.1"),
        ("ORION_AUTH_SERVICE_PORT", "3001"),
        ("ORION_AUTH_SERVICE_PORT_HTTP", "3001"),
        ("ORION_AUTH_PORT", "tcp://10.0.0.1:3001"),
        ("ORION_AUTH_PORT_3001_TCP", "tcp://10.0.0.1:3001"),
        ("ORION_AUTH_PORT_3001_TCP_PROTO", "tcp"),
        ("ORION_AUTH_PORT_3001_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(read(&links.map(|(name, value)| (name, Some(value)))).is_ok());
    assert_eq!(refused(&[("ORION_AUTH_PORT", Some("3001"))]).len(), 1);
}

#[test]
fn a_secret_comes_from_a_variable_or_a_file_but_not_from_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("database-url");
    std::fs::write(&file, "postgres://u:other@localhost/d\n").unwrap();
    let file = file.to_str().unwrap();
    let from_file = read(&[("ORION_DATABASE_URL", None), ("ORION_DATABASE_URL_FILE", Some(file))]).unwrap().0;
    assert_eq!(from_file.database_url.unwrap().expose(), "postgres://u:other@localhost/d");

    assert!(refused(&[("ORION_DATABASE_URL_FILE", Some(file))])[0].contains("only one of them"));
    let missing = refused(&[("ORION_DATABASE_URL", None), ("ORION_DATABASE_URL_FILE", Some("/nowhere"))]);
    assert!(missing[0].contains("/nowhere: No such file"), "{missing:?}");
    assert!(refused(&[("ORION_DATABASE_URL", None)])[0].contains("ORION_DATABASE_URL_FILE"));
}

#[test]
fn no_complaint_and_no_debug_output_shows_a_secret() {
    let errors = refused(&[("ORION_DATABASE_URL", Some("postgres//u:hunter2@localhost"))]);
    assert!(!errors.join(" ").contains("hunter2"), "{errors:?}");
    let settings = read(&[]).unwrap().0;
    assert!(!format!("{settings:?}").contains("hunter2"));
}
