//! RabbitMQ: exchanges, queues and bindings as the catalog draws them, and a user for each service that may publish
//! its own routing keys, read its own queue, and make nothing.

use serde_json::{Value, json};

use super::Say;
use super::login::{Known, Way, names, ways};
use super::mark::Mark;
use super::rabbitmq_api::Api;
use crate::document::{ExchangeKeys, Queue, RabbitmqAccount, RabbitmqWork, Server};
use crate::failure::Failure;

/// A pattern that matches no name.
const NOTHING: &str = "^$";

pub(super) async fn provision(work: &RabbitmqWork, mark: &Mark, say: Say<'_>) -> Result<(), Failure> {
    let api = Api::of(work)?;
    let all = work.accounts.iter().flat_map(|account| names(&account.user, account.second.as_ref()));
    api.place.apart(&api.username, all)?;
    let mut all = Vec::new();
    for account in &work.accounts {
        for way in ways(&account.user, &account.password_file, account.second.as_ref())? {
            if way.concerns(find(&api, &work.server, way.name, mark).await?)? {
                all.push((account, way));
            }
        }
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
    for (account, Way { name, password }) in all {
        match password {
            Some(password) => {
                user(&api, vhost, name, &password, account, mark).await?;
                say(format!("rabbitmq: user {name} has its exchanges"));
            }
            None => {
                // Whoever is logged in as that user is cut off.
                api.delete(&["users", name]).await?;
                say(format!("rabbitmq: user {name} is refused"));
            }
        }
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

async fn find(api: &Api, server: &Server, user: &str, mark: &Mark) -> Result<Known, Failure> {
    let Some(known) = api.find(&["users", user]).await? else { return Ok(Known::Nobodys) };
    let tags = known["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let hand_over = format_args!("rabbitmqctl set_user_tags {user} {mark}");
    Ok(Known::of(mark.check(&api.place, server, format_args!("user {user}"), tags, hand_over)))
}

async fn user(
    api: &Api,
    vhost: &str,
    name: &str,
    password: &str,
    account: &RabbitmqAccount,
    mark: &Mark,
) -> Result<(), Failure> {
    // None of the tags that let a user use the management API.
    api.put(&["users", name], &json!({"password": password, "tags": mark.as_str()})).await?;
    let exchanges = account.publishes.iter().map(|granted| granted.exchange.as_str());
    let permissions = json!({
        "configure": NOTHING,
        "write": exactly(exchanges),
        "read": exactly(account.reads.iter().map(String::as_str)),
    });
    api.put(&["permissions", vhost, name], &permissions).await?;
    topics(api, vhost, name, account).await
}

/// Which routing keys it may publish to each exchange.
async fn topics(api: &Api, vhost: &str, name: &str, account: &RabbitmqAccount) -> Result<(), Failure> {
    let path = ["topic-permissions", vhost, name];
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
