//! Whose an account is. What the Job makes carries its platform's mark; in a store that others use too, an account
//! without it is somebody else's, whatever it is named, and is left alone.

use std::fmt;

use crate::document::Server;
use crate::failure::{Failure, Place};

const PREFIX: &str = "orion.dev/platform/";

/// `orion.dev/platform/<namespace>/<name>`: a comment in PostgreSQL, a tag without rights in RabbitMQ, and in Redis a
/// key that may be read and that nobody writes. All three are kept with the account itself and go with it.
#[derive(Clone, Debug)]
pub(crate) struct Mark(String);

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Mark {
    pub(crate) fn of(platform: &str) -> Mark {
        Mark(format!("{PREFIX}{platform}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Refuses what is there already and isn't this platform's. `what` is named in the store's own terms, `marks` are
    /// the words on it, and `hand_over` is what its owner has to run to give it away.
    pub(super) fn check<'a>(
        &self,
        place: &Place,
        server: &Server,
        what: fmt::Arguments,
        marks: impl Iterator<Item = &'a str>,
        hand_over: fmt::Arguments,
    ) -> Result<(), Failure> {
        let (mut ours, mut other) = (server.own, None);
        for word in marks {
            ours |= word == self.0;
            other = other.or(word.strip_prefix(PREFIX));
        }
        if ours {
            return Ok(());
        }
        let whose = other.map_or_else(|| "somebody else's".to_owned(), |other| format!("platform {other}'s"));
        Err(place.refused(format!(
            "{what} is {whose}: run {hand_over} to give it to this platform, which sets its password, or set \
             provisioning: None"
        )))
    }
}
