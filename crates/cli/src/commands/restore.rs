//! `orion restore`: asks the operator to put a backup in the place of what runs. It tells what will happen, and asks.

use super::full_name;
use crate::args::Restore;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::{Result, bail};
use operator::api::OrionPlatform;
use operator::plan::RESTORE;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};

/// As many as the schema takes.
const MOST: i32 = 1000;

pub(crate) async fn run(session: &Session, options: &Restore, screen: &mut Screen<'_>) -> Result<()> {
    is_name(&options.backup)?;
    let platform = session.platform(options.platform.as_deref()).await?;
    let name = full_name(&platform);
    may_begin(&platform)?;
    let attempt = attempt(&platform)?;
    screen.say(&what_happens(&platform, options, attempt).join("\n"))?;
    if !options.yes && !agreed(screen)? {
        screen.say("nothing is changed")?;
        return Ok(());
    }
    session.patch(&platform, patch(options, attempt)).await?;
    let when = if platform.spec.paused { "once the pause is over, " } else { "" };
    screen.say(&format!(
        "{name}: {when}backup {} is restored, follow it with `orion status --watch` and `orion why {RESTORE}`",
        options.backup
    ))?;
    Ok(())
}

fn is_name(backup: &str) -> Result<()> {
    let form = |(at, letter): (usize, char)| match at {
        8 => letter == 'T',
        15 => letter == 'Z',
        _ => letter.is_ascii_digit(),
    };
    if backup.len() == 16 && backup.chars().enumerate().all(form) {
        return Ok(());
    }
    bail!(
        "{backup} is no name of a backup: write when it was begun, as in 20261124T030000Z, see `orion backups`"
    )
}

/// Two at a time would take each other's databases away.
fn may_begin(platform: &OrionPlatform) -> Result<()> {
    let name = full_name(platform);
    let from = platform.spec.restore.as_ref().and_then(|restore| restore.from.as_ref());
    if platform.spec.backup.is_none() && from.is_none() {
        bail!("{name} doesn't say where its backups are: write spec.backup.to, or spec.restore.from");
    }
    let status = platform.status.clone().unwrap_or_default();
    let unit = status.services.iter().find(|unit| unit.name == RESTORE && unit.ready < unit.desired);
    if let (Some(unit), Some(wish)) = (unit, &platform.spec.restore) {
        let said = unit.message.as_deref().unwrap_or("it is at work");
        bail!(
            "{name}: the restore of {} is not done yet ({said}): wait for it, or take it back by removing spec.restore",
            wish.backup
        );
    }
    Ok(())
}

/// The stores note what was restored, and never do it twice: another number than that of any wish before.
fn attempt(platform: &OrionPlatform) -> Result<i32> {
    let attempt = platform.spec.restore.as_ref().map_or(1, |restore| restore.attempt + 1);
    if attempt > MOST {
        bail!("the platform was restored {MOST} times: remove spec.restore to begin to count anew");
    }
    Ok(attempt)
}

fn what_happens(platform: &OrionPlatform, options: &Restore, attempt: i32) -> Vec<String> {
    let (name, backup) = (full_name(platform), &options.backup);
    let backups = platform.status.as_ref().and_then(|status| status.backup.clone()).unwrap_or_default();
    let mut lines = vec![
        format!("{name}: backup {backup} takes the place of what runs now"),
        "  - it is read and compared as a whole before anything is touched".to_owned(),
        "  - it is loaded beside what runs, then all change places at once; requests get 503 for a moment"
            .to_owned(),
        "  - the services are restarted, tier by tier".to_owned(),
        format!(
            "  - what was written since then is no longer in the platform; it stays aside, in PostgreSQL as \
             <database>_before_{backup}_{attempt}"
        ),
        "  - what is in RabbitMQ's queues is delivered, and may be about things that the backup doesn't know"
            .to_owned(),
    ];
    if !backups.left_out.is_empty() {
        lines.push(format!("  - {} is in no backup and stays as it is", backups.left_out.join(" and ")));
    }
    if options.ignore_keys {
        lines.push("  - what services sealed with other keys than the platform has now is lost".to_owned());
    }
    if let Some(last) = backups.last_backup.filter(|last| last != backup) {
        lines.push(format!("  the last backup is {last}; `orion backup --wait` makes one of how it is now"));
    }
    lines.push("Where Git holds the spec, write spec.restore there instead.".to_owned());
    lines
}

fn agreed(screen: &mut Screen<'_>) -> Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("nobody is there to ask: add --yes to do it");
    }
    screen.say("Go on? Write yes:")?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn patch(options: &Restore, attempt: i32) -> Value {
    json!({"spec": {"restore": {
        "backup": options.backup, "attempt": attempt, "ignoreKeys": options.ignore_keys,
    }}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use operator::api::examples::platform;

    const NAME: &str = "20261124T030000Z";
    const SPEC: &str = r#"{backup: {schedule: "0 3 * * *", to: {volume: {}}}}"#;

    fn options() -> Restore {
        Restore { backup: NAME.into(), platform: None, ignore_keys: false, yes: true }
    }

    #[test]
    fn only_the_name_of_a_backup_is_taken() {
        assert!(is_name(NAME).is_ok());
        for other in ["", "latest", "20261124T030000", "20261124 030000Z", "2026112AT030000Z"] {
            assert!(is_name(other).unwrap_err().to_string().contains("orion backups"), "{other}");
        }
    }

    #[test]
    fn no_wish_has_the_number_of_one_before_it_whatever_backup_it_was_for() {
        let wished = |spec: &str| attempt(&platform("shop", "orion", spec)).unwrap();
        assert_eq!(wished(SPEC), 1);
        assert_eq!(wished("{restore: {backup: 20261101T030000Z, attempt: 2}}"), 3);
        assert!(
            attempt(&platform("shop", "orion", "{restore: {backup: 20261101T030000Z, attempt: 1000}}"))
                .is_err()
        );
        let patch = patch(&options(), 3);
        assert_eq!(patch["spec"]["restore"], json!({"backup": NAME, "attempt": 3, "ignoreKeys": false}));
    }

    #[test]
    fn a_second_restore_is_told_to_wait_for_the_first() {
        let mut shop = platform(
            "shop",
            "orion",
            &format!("{{restore: {{backup: {NAME}, from: {{volume: {{claimName: c}}}}}}}}"),
        );
        assert!(may_begin(&shop).is_ok());
        let unit = |ready: i32| json!({"name": "restore", "tier": 0, "ready": ready, "desired": 1, "message": "loads"});
        let status = |ready| serde_json::from_value(json!({"services": [unit(ready)]})).unwrap();
        shop.status = Some(status(0));
        let refusal = may_begin(&shop).unwrap_err().to_string();
        assert!(refusal.contains("wait for it") && refusal.contains("loads"), "{refusal}");
        shop.status = Some(status(1));
        assert!(may_begin(&shop).is_ok());
        assert!(
            may_begin(&platform("shop", "orion", "{}")).unwrap_err().to_string().contains("spec.backup.to")
        );
    }

    #[test]
    fn what_will_happen_is_told_with_what_is_in_no_backup() {
        let mut shop = platform("shop", "orion", SPEC);
        let backup = json!({"leftOut": ["postgres"], "lastBackup": "20261125T030000Z"});
        shop.status = Some(serde_json::from_value(json!({"backup": backup})).unwrap());
        let told = what_happens(&shop, &options(), 4).join("\n");
        for part in [
            "shop/orion: backup 20261124T030000Z",
            "_before_20261124T030000Z_4",
            "postgres is in no backup",
            "20261125T030000Z",
        ] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
    }
}
