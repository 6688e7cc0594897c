//! `orion pause` and `orion resume`.

use super::full_name;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::Result;
use serde_json::json;

pub(crate) async fn run(
    session: &Session,
    name: Option<&str>,
    paused: bool,
    screen: &mut Screen<'_>,
) -> Result<()> {
    let platform = session.platform(name).await?;
    let full = full_name(&platform);
    if platform.spec.paused == paused {
        screen.say(&format!("{full} is {} already", if paused { "paused" } else { "not paused" }))?;
        return Ok(());
    }
    // Taken off rather than set to false: then nobody owns the field.
    let value = if paused { json!(true) } else { json!(null) };
    session.patch(&platform, json!({"spec": {"paused": value}})).await?;
    let said = match paused {
        true => "is paused: the operator changes nothing, not even to repair, until `orion resume`",
        false => "goes on",
    };
    screen.say(&format!("{full} {said}"))?;
    Ok(())
}
