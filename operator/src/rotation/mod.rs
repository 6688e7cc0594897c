//! When the services' accounts in the stores are replaced, and in which steps. Pure: no client, no clock.
//!
//! A service has two accounts in each store that take turns. What holds the one is added beside the other (Adding),
//! pods are replaced until all use it (Rolling), and only then is the other refused (Dropping): at every moment whoever
//! runs has an account that works. Where a service stands is written on the Secret that holds its accounts, in one
//! write with what the Secret holds, so that an operator that ends anywhere is followed by one that goes on.

mod next;
mod wish;

pub use next::{Situation, Subject, next};
pub use wish::{ROTATE, Wish};

use crate::plan::Account;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};

/// On the Secret that holds a service's accounts: its turn, as JSON.
pub const TURN: &str = "orion.dev/credentials";
/// On pod templates and pods: the generation of the accounts that they use. Not there: the first.
pub const GENERATION: &str = "orion.dev/credentials-generation";

/// Where the accounts of a service stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Turn {
    /// How often they have been replaced. With an even number the service uses its first account, else its second.
    pub generation: u32,
    /// What is under way, if anything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// When they were last replaced to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Time>,
    /// The last wish of a person that was heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wish: Option<String>,
}

/// A step of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// The account whose turn is next is made in the stores. Nobody uses it yet.
    Adding,
    /// The pods go over to it. Both are valid.
    Rolling,
    /// The former one is refused.
    Dropping,
}

impl Turn {
    /// The account that new pods use.
    pub fn current(&self) -> Account {
        if self.generation.is_multiple_of(2) { Account::First } else { Account::Second }
    }

    /// Whether the Secret has to have this account.
    pub fn holds(&self, account: Account) -> bool {
        account == self.current() || matches!(self.step, Some(Step::Adding | Step::Rolling))
    }
}
