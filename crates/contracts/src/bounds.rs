//! The rules that fields of several requests share, with messages that say what to write.

use crate::Secret;

pub(crate) const PASSWORD_MIN: usize = 8;
pub(crate) const PASSWORD_MAX: usize = 128;
/// Long enough for any password that was ever accepted, short enough that hashing stays bounded.
pub(crate) const SECRET_MAX_BYTES: usize = 1024;
pub(crate) const EMAIL_MAX: usize = 254;

/// Addresses are compared and stored in this form.
pub fn normalise_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// A password that is being chosen.
pub(crate) fn new_password(value: &Secret, _: &()) -> garde::Result {
    let length = value.expose().chars().count();
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
        return Err(garde::Error::new(format!("must have {PASSWORD_MIN} to {PASSWORD_MAX} characters")));
    }
    Ok(())
}

/// A secret that is being presented: bounded, but its form gives nothing away.
pub(crate) fn presented_secret(value: &Secret, _: &()) -> garde::Result {
    match value.expose().len() {
        0 => Err(garde::Error::new("must not be empty")),
        1..=SECRET_MAX_BYTES => Ok(()),
        _ => Err(garde::Error::new(format!("must have at most {SECRET_MAX_BYTES} bytes"))),
    }
}

pub(crate) fn username(value: &str, _: &()) -> garde::Result {
    let sane = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let starts = value.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !(3..=32).contains(&value.chars().count()) || !starts || !value.chars().all(sane) {
        return Err(garde::Error::new(
            "must have 3 to 32 characters, of a-z, A-Z, 0-9, '.', '_' and '-', and start with a letter or digit",
        ));
    }
    Ok(())
}

/// A part of a person's name: whatever script, but something visible and no control characters.
pub(crate) fn person_name(value: &str, _: &()) -> garde::Result {
    let length = value.chars().count();
    if value.trim().is_empty() || length > 100 || value.chars().any(char::is_control) {
        return Err(garde::Error::new("must have 1 to 100 characters, none of them a control character"));
    }
    Ok(())
}

pub(crate) fn optional_person_name(value: &Option<String>, context: &()) -> garde::Result {
    value.as_deref().map_or(Ok(()), |value| person_name(value, context))
}

pub(crate) fn roles(value: &[String], _: &()) -> garde::Result {
    let sane = |role: &String| {
        (1..=64).contains(&role.len())
            && role.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | ':'))
    };
    if value.len() > 32 || !value.iter().all(sane) {
        return Err(garde::Error::new(
            "must be at most 32 roles of 1 to 64 characters each, of a-z, 0-9, '-', '_' and ':'",
        ));
    }
    Ok(())
}
