//! The user service's own settings.

use std::path::Path;

use chassis::config::{Bad, Reader};
use contracts::{PASSWORD_MAX, PASSWORD_MIN, PasswordPolicy};

use crate::first_admin;
use crate::registration::Newcomer;

#[derive(Clone, Debug)]
pub struct Config {
    pub password_policy: PasswordPolicy,
    pub first_admin: Option<Newcomer>,
}

impl Config {
    pub fn read(reader: &mut Reader) -> Result<Self, Bad> {
        let least =
            reader.or("ORION_PASSWORD_MIN_LENGTH", 12, "characters that a new password must have, 8 to 128");
        let folder = reader.optional::<String>(
            "ORION_FIRST_ADMIN_DIR",
            "folder with the files email, username and password of the first administrator",
        );
        let least = least?;
        if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&least) {
            let bounds = format!("must be {PASSWORD_MIN} to {PASSWORD_MAX}");
            return Err(reader.refuse(format!("ORION_PASSWORD_MIN_LENGTH={least}: {bounds}")));
        }
        let password_policy = PasswordPolicy { least };
        let first_admin = match folder?.map(|folder| first_admin::read(Path::new(&folder), &password_policy))
        {
            None => None,
            Some(Ok(admin)) => admin,
            Some(Err(error)) => return Err(reader.refuse(format!("ORION_FIRST_ADMIN_DIR: {error:#}"))),
        };
        Ok(Config { password_policy, first_admin })
    }
}
