//! RabbitMQ: exchanges, queues and bindings as the catalog draws them, and a user for each service that may publish
//! its own routing keys, read its own queue, and make nothing.

use serde_json::{Value, json};

use super::Say;
use super::mark::Mark;
use super::rabbitmq_api::Api;
use crate::document::{ExchangeKeys, Queue, RabbitmqAccount, RabbitmqWork, Server};
use crate::failure::{Failure, read_secret};

/// A pattern that matches no name.
const NOTHING: &str = "^$";

pub(super) async fn provision(work: &RabbitmqWork, mark: &Mark, say: Say<'_>) -> Result<(), Failure> {
    let api = Api::of(work)?;
    api.place.apart(&api.username, work.accounts.iter().map(|account| account.user.as_str()))?;
    for account in &work.accounts {
        check(&api, &work.server, account, mark).await?;
    }
    let vhost = work.virtual_host.as_str();
    let vhosts = api.list(&["vhosts"]).await?;
    if !vhosts.iter().any(|known| known["name"] == vhost) {
        api.put(&["vhosts", vhost], &json!({"default_queue_type": "quorum"})).await?;
    }
    for exchange in &work.exchanges {
        let topic = json!({"type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}});
        api.put(&["exchanges", vhost, exchange], &topic).await?;
    }
    for queue in &work.queues {
        declare(&api, vhost, queue).await?;
    }
    say(format!("rabbitmq: {} exchanges, {} queues in {vhost}", work.exchanges.len(), work.queues.len()));
    for account in &work.accounts {
        user(&api, vhost, account, mark).await?;
        say(format!("rabbitmq: user {} has its exchanges", account.user));
    }
    Ok(())
}

async fn declare(api: &Api, vhost: &str, queue: &Queue) -> Result<(), Failure> {
    let quorum = json!({"durable": true, "auto_delete": false, "arguments": {"x-queue-type": "quorum"}});
    api.put(&["queues", vhost, &queue.name], &quorum).await?;
    for ExchangeKeys { exchange, keys } in &queue.bindings {
        let bound = api.list(&["bindings", vhost, "e", exchange, "q", &queue.name]).await?;
        for key in keys {
            if !bound.iter().any(|binding| binding["routing_key"] == key.as_str()) {
                let binding = json!({"routing_key": key, "arguments": {}});
                api.post(&["bindings", vhost, "e", exchange, "q", &queue.name], &binding).await?;
            }
        }
        // A key that the catalog no longer has would go on filling the queue.
        for stale in
            bound.iter().filter(|binding| !keys.iter().any(|key| binding["routing_key"] == key.as_str()))
        {
            let id = stale["properties_key"].as_str().unwrap_or_default();
            api.delete(&["bindings", vhost, "e", exchange, "q", &queue.name, id]).await?;
        }
    }
    Ok(())
}

/// Nothing is made or changed for a user that is somebody else's.
async fn check(api: &Api, server: &Server, account: &RabbitmqAccount, mark: &Mark) -> Result<(), Failure> {
    let user = &account.user;
    let Some(known) = api.find(&["users", user]).await? else { return Ok(()) };
    let tags = known["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let hand_over = format_args!("rabbitmqctl set_user_tags {user} {mark}");
    mark.check(&api.place, server, format_args!("user {user}"), tags, hand_over)
}

async fn user(api: &Api, vhost: &str, account: &RabbitmqAccount, mark: &Mark) -> Result<(), Failure> {
    let password = read_secret(&account.password_file)?;
    // None of the tags that let a user use the management API.
    api.put(&["users", &account.user], &json!({"password": password, "tags": mark.as_str()})).await?;
    let exchanges = account.publishes.iter().map(|granted| granted.exchange.as_str());
    let permissions = json!({
        "configure": NOTHING,
        "write": exactly(exchanges),
        "read": exactly(account.reads.iter().map(String::as_str)),
    });
    api.put(&["permissions", vhost, &account.user], &permissions).await?;
    topics(api, vhost, account).await
}

/// Which routing keys it may publish to each exchange.
async fn topics(api: &Api, vhost: &str, account: &RabbitmqAccount) -> Result<(), Failure> {
    let path = ["topic-permissions", vhost, &account.user];
    let wanted: Vec<Value> = account
        .publishes
        .iter()
        .map(|granted| {
            let write = exactly(granted.keys.iter().map(String::as_str));
            json!({"exchange": granted.exchange, "write": write, "read": NOTHING})
        })
        .collect();
    for permission in &wanted {
        api.put(&path, permission).await?;
    }
    Ok(())
}

/// A pattern that matches these names and nothing else.
fn exactly<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(escape).collect();
    match names.is_empty() {
        true => NOTHING.to_owned(),
        false => format!("^({})$", names.join("|")),
    }
}

fn escape(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, character| {
        if !character.is_ascii_alphanumeric() && character != '_' && character != '-' {
            out.push('\\');
        }
        out.push(character);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_names_and_their_dots_literally() {
        assert_eq!(exactly(["auth.events", "a-b"].into_iter()), r"^(auth\.events|a-b)$");
        assert_eq!(exactly([].into_iter()), "^$");
    }
}
