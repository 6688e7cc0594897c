//! Two ways into one account take turns: both work while both have a password, whatever the one makes the other may use,
//! and whichever has none is refused and cut off.

mod postgres;
mod rabbitmq;
mod redis;

use storekeeper::document::{Document, Login};

use super::support::{Place, run};

impl Place {
    /// As the Secret of a service holds it, or no longer.
    fn password(&self, of: &str, password: Option<&str>) {
        let path = self.file(of, password.unwrap_or("gone"));
        if password.is_none() {
            std::fs::remove_file(path).expect("remove a file");
        }
    }

    fn second(&self, name: String) -> Option<Login> {
        Some(Login { user: name, password_file: self.file("password-2", "two") })
    }
}

/// Gives the first way a password, the second, both or none, and provisions.
async fn turn(place: &Place, document: &Document, first: Option<&str>, second: Option<&str>) {
    place.password("password", first);
    place.password("password-2", second);
    run(document).await.unwrap_or_else(|failure| panic!("{first:?} {second:?}: {failure}"));
}
