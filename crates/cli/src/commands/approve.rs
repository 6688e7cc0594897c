//! `orion approve`: lets a newer operator make the update that it has on offer.

use super::full_name;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::Result;
use kube::ResourceExt;
use operator::controller::revisions::APPROVE;
use serde_json::json;

pub(crate) async fn run(session: &Session, name: Option<&str>, screen: &mut Screen<'_>) -> Result<()> {
    let platform = session.platform(name).await?;
    let full = full_name(&platform);
    let Some(available) = platform.status.as_ref().and_then(|status| status.available_revision.clone())
    else {
        screen.say(&format!("{full}: there is nothing to approve"))?;
        return Ok(());
    };
    if platform.annotations().get(APPROVE) == Some(&available) {
        screen.say(&format!("{full}: {available} is approved already"))?;
        return Ok(());
    }
    session.patch(&platform, json!({"metadata": {"annotations": {APPROVE: available}}})).await?;
    screen.say(&format!("{full}: {available} is approved, follow it with `orion status --watch`"))?;
    Ok(())
}
