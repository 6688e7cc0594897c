//! Reads declared variables and remembers what was declared and what was wrong.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use contracts::Secret;

use super::durations;

const PREFIX: &str = "ORION_";

/// The value was missing or wrong. What exactly is kept in the reader, which reports all of it at the end.
#[derive(Debug)]
pub struct Bad(());

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ConfigErrors(pub Vec<String>);

/// A variable as `--help` shows it.
pub(crate) struct Declared {
    pub(crate) name: Cow<'static, str>,
    pub(crate) help: Cow<'static, str>,
    pub(crate) value: Presence,
    pub(crate) secret: bool,
}

pub(crate) enum Presence {
    Required,
    Optional,
    Default(String),
}

/// Declares and reads settings. Read all of them first, then use `?`, so that all that is wrong is reported at once:
///
/// ```text
/// let ttl = reader.duration("ORION_ACCESS_TOKEN_TTL", minutes(15), "how long an access token is valid");
/// let key = reader.secret("ORION_KEY_ENCRYPTION_KEY", "encrypts the signing keys: 32 bytes, base64");
/// Ok(Settings { ttl: ttl?, key: key? })
/// ```
pub struct Reader {
    env: BTreeMap<String, String>,
    declared: Vec<Declared>,
    problems: Vec<String>,
}

impl Reader {
    /// The variables of this process.
    pub fn from_process() -> Self {
        let mut reader = Self::new([]);
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            match value.into_string() {
                Ok(value) => drop(reader.env.insert(name.to_owned(), value)),
                Err(_) => reader.problems.push(format!("{name}: is not UTF-8")),
            }
        }
        reader
    }

    /// Variables handed in: tests, and `--help`.
    pub fn new(env: impl IntoIterator<Item = (String, String)>) -> Self {
        let env = env.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        Self { env, declared: Vec::new(), problems: Vec::new() }
    }

    pub fn required<T: FromStr<Err: Display>>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<T, Bad> {
        let name = self.declare(name, help, Presence::Required, false);
        match self.parsed(&name, T::from_str)? {
            Some(value) => Ok(value),
            None => self.complain(format!("{name}: is required")),
        }
    }

    pub fn optional<T: FromStr<Err: Display>>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<Option<T>, Bad> {
        let name = self.declare(name, help, Presence::Optional, false);
        self.parsed(&name, T::from_str)
    }

    pub fn or<T: FromStr<Err: Display> + Display>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        default: T,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<T, Bad> {
        let name = self.declare(name, help, Presence::Default(default.to_string()), false);
        Ok(self.parsed(&name, T::from_str)?.unwrap_or(default))
    }

    /// A number and its unit: `500ms`, `20s`, `15m`, `1h`, `7d`.
    pub fn duration(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        default: Duration,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<Duration, Bad> {
        let name = self.declare(name, help, Presence::Default(durations::show(default)), false);
        Ok(self.parsed(&name, durations::parse)?.unwrap_or(default))
    }

    /// `NAME`, or `NAME_FILE` that names a file with the value.
    pub fn secret(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<Secret, Bad> {
        let name = self.declare(name, help, Presence::Required, true);
        match self.secret_value(&name)? {
            Some(value) => Ok(value),
            None => {
                self.complain(format!("{name}: is required; set it, or {name}_FILE to a file that holds it"))
            }
        }
    }

    pub fn optional_secret(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<Option<Secret>, Bad> {
        let name = self.declare(name, help, Presence::Optional, true);
        self.secret_value(&name)
    }

    /// A value that was read but makes no sense: `Err(reader.refuse("ORION_X: must be less than ORION_Y"))`.
    pub fn refuse(&mut self, complaint: impl Into<String>) -> Bad {
        self.problems.push(complaint.into());
        Bad(())
    }

    /// Everything that was wrong, and every variable that nobody declared.
    pub fn finish(self) -> Result<(), ConfigErrors> {
        let mut problems = self.problems;
        let known: Vec<String> = self.declared.iter().flat_map(names).collect();
        for (name, value) in &self.env {
            if !known.contains(name) && !is_service_link(name, value) {
                problems.push(unknown(name, &known));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigErrors(problems)) }
    }

    pub(crate) fn declared(&self) -> &[Declared] {
        &self.declared
    }

    fn declare(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        value: Presence,
        secret: bool,
    ) -> Cow<'static, str> {
        let name = name.into();
        self.declared.push(Declared { name: name.clone(), help: help.into(), value, secret });
        name
    }

    fn complain<T>(&mut self, complaint: String) -> Result<T, Bad> {
        Err(self.refuse(complaint))
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Bad> {
        match self.env.get(name).map(|value| value.trim()) {
            Some("") => self.complain(format!("{name}: is empty; give it a value or leave it out")),
            value => Ok(value.map(str::to_owned)),
        }
    }

    fn parsed<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Bad> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match parse(&text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.complain(format!("{name}={text}: {error}")),
        }
    }

    fn secret_value(&mut self, name: &str) -> Result<Option<Secret>, Bad> {
        let file_variable = format!("{name}_FILE");
        match (self.text(name)?, self.text(&file_variable)?) {
            (Some(_), Some(_)) => self.complain(format!("{name} and {file_variable}: set only one of them")),
            (Some(value), None) => Ok(Some(Secret::from(value))),
            (None, None) => Ok(None),
            (None, Some(path)) => match read_secret_file(Path::new(&path)) {
                Ok(value) => Ok(Some(value)),
                Err(error) => self.complain(format!("{file_variable}={path}: {error}")),
            },
        }
    }
}

fn read_secret_file(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("the file is empty".to_owned()),
        text => Ok(Secret::from(text)),
    }
}

fn names(declared: &Declared) -> Vec<String> {
    let name = declared.name.to_string();
    if declared.secret { vec![format!("{name}_FILE"), name] } else { vec![name] }
}

/// Kubernetes sets these for the Services of a namespace, unless `enableServiceLinks` is false; those of a platform
/// called `orion` look like settings and are none.
fn is_service_link(name: &str, value: &str) -> bool {
    let port = name.rsplit_once("_PORT").map(|(_, rest)| rest);
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (port == Some("") && value.contains("://"))
        || port.is_some_and(|rest| rest.contains("_TCP") || rest.contains("_UDP"))
        || name.contains("_TCP_")
        || name.contains("_UDP_")
}

fn unknown(name: &str, known: &[String]) -> String {
    let nearest =
        known.iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate)).min();
    match nearest {
        Some((distance, candidate)) if distance <= 1 + name.len() / 5 => {
            format!("{name}: there is no such setting; did you mean {candidate}?")
        }
        _ => format!("{name}: there is no such setting; --help lists them all"),
    }
}
