//! Takes out of text and objects what looks like a password.

use serde_json::Value;

const HIDDEN: &str = "REDACTED";

/// Hides what stands between `://` and `@`, in each word.
pub(crate) fn text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>'));
        let (word, remainder) = after.split_at(end.unwrap_or(after.len()));
        // A password may hold any character but an end of the word: the last @ ends it.
        match word.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => {
                clean.push_str(HIDDEN);
                clean.push('@');
                clean.push_str(host);
            }
            _ => clean.push_str(word),
        }
        rest = remainder;
    }
    clean.push_str(rest);
    clean
}

/// Hides passwords in URLs and the values of variables that are named like secrets; leaves out what repeats the rest.
pub(crate) fn object(value: &mut Value) {
    match value {
        Value::String(string) => *string = text(string),
        Value::Array(items) => items.iter_mut().for_each(object),
        Value::Object(fields) => {
            fields.remove("managedFields");
            fields.remove("kubectl.kubernetes.io/last-applied-configuration");
            let secret = fields.get("name").and_then(Value::as_str).is_some_and(is_secret);
            if let (true, Some(inner)) = (secret, fields.get_mut("value")) {
                *inner = HIDDEN.into();
            }
            fields.values_mut().for_each(object);
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_password_in_a_url_is_hidden_and_the_host_stays() {
        let log =
            r#"{"url":"postgres://ada:s3/cr@t@db:5432/x"} then redis://:pw@cache:6379, http://host:80/path"#;
        let clean = super::text(log);
        assert_eq!(
            clean,
            r#"{"url":"postgres://REDACTED@db:5432/x"} then redis://REDACTED@cache:6379, http://host:80/path"#
        );
    }

    #[test]
    fn objects_lose_secret_variables_and_copies_of_themselves() {
        let mut value = json!({
            "metadata": {"managedFields": [1], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x"}},
            "env": [{"name": "API_TOKEN", "value": "abc"}, {"name": "LOG", "value": "debug"}],
        });
        super::object(&mut value);
        assert_eq!(
            value,
            json!({
                "metadata": {"annotations": {}},
                "env": [{"name": "API_TOKEN", "value": "REDACTED"}, {"name": "LOG", "value": "debug"}],
            })
        );
    }
}
