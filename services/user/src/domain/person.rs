//! A person as the service keeps one: what they see of themselves, and a version that grows with each change.

use contracts::events::UserData;
use contracts::user::{Profile, ProfilePatch, UserStatus};

pub const ADMIN: &str = "admin";
pub const USER: &str = "user";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub profile: Profile,
    /// The ETag of the profile, and the sequence of the events about this person.
    pub version: i64,
}

impl Person {
    pub fn is_pending(&self) -> bool {
        self.profile.status == UserStatus::Pending
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.profile.roles.iter().any(|own| own == role)
    }

    /// What events say of a person.
    pub fn data(&self) -> UserData {
        let Profile { email, username, first_name, last_name, roles, status, .. } = self.profile.clone();
        UserData { email, username, first_name, last_name, roles, status }
    }
}

/// The profile with a patch's fields, and the wire names of those that differ from before.
pub fn patched(profile: &Profile, patch: ProfilePatch) -> (Profile, Vec<String>) {
    let mut next = profile.clone();
    let mut changed = Vec::new();
    let fields = [
        ("firstName", &mut next.first_name, patch.first_name),
        ("lastName", &mut next.last_name, patch.last_name),
    ];
    for (name, field, value) in fields {
        // Null was refused by the patch's own rules.
        if let Some(value) = value.flatten()
            && *field != value
        {
            *field = value;
            changed.push(name.to_owned());
        }
    }
    (next, changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_counts_as_changed() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let profile = Profile {
            id: uuid::Uuid::nil(),
            email: "ada@example.com".to_owned(),
            username: "ada".to_owned(),
            first_name: "Ada".to_owned(),
            last_name: "King".to_owned(),
            roles: vec![],
            status: UserStatus::Active,
            is_verified: false,
            email_verified_at: None,
            last_login_at: None,
            created_at: at,
            updated_at: at,
        };
        let patch = ProfilePatch {
            first_name: Some(Some("Ada".to_owned())),
            last_name: Some(Some("Lovelace".to_owned())),
        };
        let (next, changed) = patched(&profile, patch);
        assert_eq!((next.last_name.as_str(), changed), ("Lovelace", vec!["lastName".to_owned()]));
        assert_eq!(patched(&profile, ProfilePatch::default()), (profile.clone(), vec![]));
    }
}
