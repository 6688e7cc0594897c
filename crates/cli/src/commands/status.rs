//! `orion status`: every platform that is asked for, once or as it changes.

use super::tree;
use crate::args::{Output, Status};
use crate::problem::explain_list;
use crate::screen::Screen;
use crate::session::Session;
use crate::{NO, problem};
use anyhow::Result;
use futures::StreamExt;
use kube::api::ListParams;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, ResourceExt};
use operator::api::OrionPlatform;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::pin::pin;

pub(crate) async fn run(session: &Session, options: &Status, screen: &mut Screen<'_>) -> Result<u8> {
    let api: Api<OrionPlatform> =
        if options.all_namespaces { Api::all(session.client.clone()) } else { session.api() };
    let platforms = match &options.name {
        Some(name) => vec![session.platform(Some(name)).await?],
        None => api.list(&ListParams::default()).await.map_err(explain_list)?.items,
    };
    if options.watch {
        return follow(api, options, screen).await;
    }
    if platforms.is_empty() && options.output == Output::Text {
        anyhow::bail!("there is no platform here: name another namespace with -n, or all of them with -A");
    }
    let shown: Vec<&OrionPlatform> = platforms.iter().collect();
    match options.output {
        Output::Json => screen.say(&serde_json::to_string_pretty(&as_json(&shown))?)?,
        Output::Text => screen.say(&text(&shown, screen).join("\n"))?,
    }
    Ok(code(&shown))
}

/// Until interrupted; the exit code is about the last that was seen.
async fn follow(api: Api<OrionPlatform>, options: &Status, screen: &mut Screen<'_>) -> Result<u8> {
    let mut config = watcher::Config::default();
    if let Some(name) = &options.name {
        config = config.fields(&format!("metadata.name={name}"));
    }
    let mut events = pin!(watch(api, config).default_backoff());
    let (mut known, mut shown) = (BTreeMap::new(), Vec::new());
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = tokio::signal::ctrl_c() => None,
        };
        match event {
            Some(Ok(event)) => {
                if take(&mut known, event) {
                    show(&known.values().collect::<Vec<_>>(), options.output, &mut shown, screen)?;
                }
            }
            Some(Err(watcher::Error::InitialListFailed(error))) => {
                eprintln!("{}", problem::explain_list(error))
            }
            Some(Err(_)) => {}
            None => return Ok(code(&known.values().collect::<Vec<_>>())),
        }
    }
}

/// Whether there is something to show.
fn take(known: &mut BTreeMap<String, OrionPlatform>, event: Event<OrionPlatform>) -> bool {
    match event {
        Event::Init => known.clear(),
        Event::InitApply(platform) => drop(known.insert(super::full_name(&platform), platform)),
        Event::InitDone => return true,
        Event::Apply(platform) => {
            known.insert(super::full_name(&platform), platform);
            return true;
        }
        Event::Delete(platform) => return known.remove(&super::full_name(&platform)).is_some(),
    }
    false
}

/// Redrawn on a terminal, only the lines that changed elsewhere.
fn show(
    platforms: &[&OrionPlatform],
    output: Output,
    shown: &mut Vec<String>,
    screen: &mut Screen<'_>,
) -> Result<()> {
    let lines = match output {
        Output::Json => vec![as_json(platforms).to_string()],
        Output::Text => text(platforms, screen),
    };
    if *shown == lines {
        return Ok(());
    }
    if screen.terminal && output == Output::Text {
        screen.clear()?;
        screen.say(&lines.join("\n"))?;
    } else {
        for line in lines.iter().filter(|line| !shown.contains(line)) {
            screen.say(line)?;
        }
    }
    *shown = lines;
    Ok(())
}

fn text(platforms: &[&OrionPlatform], screen: &Screen<'_>) -> Vec<String> {
    platforms.iter().flat_map(|platform| tree::lines(platform, screen.paint)).collect()
}

fn as_json(platforms: &[&OrionPlatform]) -> Value {
    let one = |platform: &&OrionPlatform| {
        json!({
            "namespace": platform.namespace(), "name": platform.name_any(),
            "ready": tree::is_ready(platform), "status": platform.status,
        })
    };
    platforms.iter().map(one).collect()
}

fn code(platforms: &[&OrionPlatform]) -> u8 {
    if !platforms.is_empty() && platforms.iter().all(|platform| tree::is_ready(platform)) { 0 } else { NO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_json_a_platform_is_its_name_whether_it_is_ready_and_its_status() {
        let platform = tree::tests::blocked();
        let said = as_json(&[&platform]);
        assert_eq!((&said[0]["name"], &said[0]["ready"]), (&json!("orion"), &json!(false)));
        assert_eq!(said[0]["status"]["services"][1]["message"], "ImagePullBackOff");
        assert_eq!(code(&[&platform]), NO);
    }
}
