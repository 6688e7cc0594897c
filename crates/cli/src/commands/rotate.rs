//! `orion rotate`: asks the operator for new accounts of services in the data stores.

use super::full_name;
use crate::args::Rotate;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::{Result, bail};
use jiff::Timestamp;
use operator::api::{OrionPlatform, RotationPhase};
use operator::rotation::ROTATE;
use serde_json::json;

pub(crate) async fn run(session: &Session, options: &Rotate, screen: &mut Screen<'_>) -> Result<()> {
    known(&options.services)?;
    let platform = session.platform(options.platform.as_deref()).await?;
    let wish = wish(Timestamp::now(), &options.services);
    session.patch(&platform, json!({"metadata": {"annotations": {ROTATE: wish}}})).await?;
    let whose = match options.services.is_empty() {
        true => "every service".to_owned(),
        false => options.services.join(", "),
    };
    let when = when(&platform);
    screen.say(&format!(
        "{}: the accounts of {whose} are replaced{when}, follow it with `orion status --watch`",
        full_name(&platform),
    ))?;
    Ok(())
}

fn known(services: &[String]) -> Result<()> {
    let unknown: Vec<&str> =
        services.iter().map(String::as_str).filter(|name| catalog::service(name).is_none()).collect();
    if !unknown.is_empty() {
        let names: Vec<&str> = catalog::SERVICES.iter().map(|service| service.name).collect();
        bail!("there is no service {}: there is {}", unknown.join(", "), names.join(", "));
    }
    Ok(())
}

/// The time makes it another wish than any before.
fn wish(now: Timestamp, services: &[String]) -> String {
    [now.to_string()].iter().chain(services).cloned().collect::<Vec<_>>().join(" ")
}

/// Why not at once.
fn when(platform: &OrionPlatform) -> &'static str {
    let credentials = platform.status.as_ref().and_then(|status| status.credentials.as_ref());
    match credentials.map(|credentials| credentials.phase) {
        _ if platform.spec.paused => " once the pause is over",
        Some(phase) if phase != RotationPhase::Settled => " after what is under way already",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{known, wish};
    use jiff::Timestamp;
    use operator::rotation::Wish;

    #[test]
    fn a_wish_is_new_each_time_and_names_services_that_there_are() {
        let services = ["auth".to_owned(), "user".to_owned()];
        let read = |second| {
            let now = Timestamp::from_second(second).unwrap();
            Wish::read(&wish(now, &services)).unwrap()
        };
        assert_ne!(read(1).token, read(2).token);
        assert!(read(1).covers("auth") && !read(1).covers("gateway"));
        assert!(known(&services).is_ok());
        let refusal = known(&["postgres".to_owned()]).unwrap_err().to_string();
        assert!(refusal.contains("there is auth, user, gateway"), "{refusal}");
    }
}
