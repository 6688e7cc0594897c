//! The rules that fields of several requests share, with messages that say what to write.

use crate::Secret;

/// No installation may set its policy lower than this.
pub const PASSWORD_MIN: usize = 8;
pub const PASSWORD_MAX: usize = 128;
/// Long enough for any password that was ever accepted, short enough that hashing stays bounded.
pub(crate) const SECRET_MAX_BYTES: usize = 1024;
pub(crate) const EMAIL_MAX: usize = 254;

/// Addresses are compared and stored in this form.
pub fn normalise_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// What an installation asks of a new password, within the bounds that are the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Characters, at least; `PASSWORD_MIN` to `PASSWORD_MAX`.
    pub least: usize,
}

/// A password that is being chosen.
pub(crate) fn chosen_password(value: &Secret, policy: &PasswordPolicy) -> garde::Result {
    let least = policy.least;
    if !(least..=PASSWORD_MAX).contains(&value.expose().chars().count()) {
        return Err(garde::Error::new(format!("must have {least} to {PASSWORD_MAX} characters")));
    }
    Ok(())
}

/// A password that another service took by its own policy: only what holds everywhere.
pub(crate) fn new_password(value: &Secret, _: &()) -> garde::Result {
    chosen_password(value, &PasswordPolicy { least: PASSWORD_MIN })
}

/// An address that can be written to, in the form that a person typed.
pub(crate) fn email<C>(value: &str, _: &C) -> garde::Result {
    let email = normalise_email(value);
    if email.len() > EMAIL_MAX {
        return Err(garde::Error::new(format!("must have at most {EMAIL_MAX} bytes")));
    }
    if garde::rules::email::parse_email(&email).is_err()
        || email.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return Err(garde::Error::new("is no e-mail address: write it as name@example.com"));
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

/// Lower case only: two people must not differ in what others cannot hear or see.
pub(crate) fn username<C>(value: &str, _: &C) -> garde::Result {
    let sane = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if !(3..=32).contains(&value.chars().count()) || !value.chars().all(sane) {
        return Err(garde::Error::new("must have 3 to 32 characters, of a-z, 0-9, '.', '_' and '-'"));
    }
    Ok(())
}

/// A part of a person's name: whatever script, but something visible and nothing that hides or reorders it.
pub(crate) fn person_name<C>(value: &str, _: &C) -> garde::Result {
    let length = value.chars().count();
    if value.trim().is_empty() || length > 100 || value.chars().any(hides) {
        return Err(garde::Error::new("must have 1 to 100 characters, none of them a control character"));
    }
    Ok(())
}

/// Control characters, and those that change how the text around them shows.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A field of a merge patch that may be set but not removed.
pub(crate) fn settable<C>(
    rule: fn(&str, &C) -> garde::Result,
) -> impl Fn(&Option<Option<String>>, &C) -> garde::Result {
    move |value, context| match value {
        None => Ok(()),
        Some(None) => Err(garde::Error::new("cannot be removed: leave it out to keep it")),
        Some(Some(value)) => rule(value, context),
    }
}

pub(crate) fn roles(value: &[String], _: &()) -> garde::Result {
    let sane = |role: &String| {
        (1..=64).contains(&role.len())
            && role
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | ':'))
    };
    if value.len() > 32 || !value.iter().all(sane) {
        return Err(garde::Error::new(
            "must be at most 32 roles of 1 to 64 characters each, of a-z, 0-9, '-', '_' and ':'",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_short_plain_and_lower_case() {
        for good in ["abc", "a.b-c_9", &"a".repeat(32)] {
            assert!(username(good, &()).is_ok(), "{good}");
        }
        for bad in ["ab", "Abc", "a b", "a/b", "é12", "a\u{0}b", &"a".repeat(33), ""] {
            assert!(username(bad, &()).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_checked_in_the_form_they_are_kept_in() {
        for good in ["a@b.example", " Ada@Example.COM ", "a+b@c.org", "admin@orion.local"] {
            assert!(email(good, &()).is_ok(), "{good}");
        }
        for bad in ["", "a", "@b.c", "a@", "a b@c.org", "a@b\nc.org", &format!("{}@b.c", "a".repeat(260))] {
            assert!(email(bad, &()).is_err(), "{bad}");
        }
        assert_eq!(normalise_email(" Ada@Example.COM "), "ada@example.com");
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        let policy = PasswordPolicy { least: 12 };
        for good in ["123456789012", "пароль-пароль", &"x".repeat(128)] {
            assert!(chosen_password(&good.into(), &policy).is_ok(), "{good}");
        }
        for bad in ["", "12345678901", &"x".repeat(129)] {
            assert!(chosen_password(&bad.into(), &policy).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_show_what_they_are() {
        for good in ["Ada", "Nguyễn Thị", "O'Neil-Šmíd", "李"] {
            assert!(person_name(good, &()).is_ok(), "{good}");
        }
        for bad in ["", "  ", "a\u{7}", "a\nb", "evil\u{202e}", &"x".repeat(101)] {
            assert!(person_name(bad, &()).is_err(), "{bad}");
        }
    }
}
