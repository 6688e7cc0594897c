//! Publishing that waits for the broker's word.

use std::collections::HashMap;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use tokio::time::Instant;

use super::bus::{Bus, BusError};

const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
const PERSISTENT: u8 = 2;

/// What became of a message that the broker has taken responsibility for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Routed,
    /// No queue is bound for it: the broker gave it back.
    Returned,
}

/// Publishes with confirms, one channel an exchange: a missing exchange closes its channel and no other.
pub struct Publisher {
    bus: Bus,
    channels: HashMap<String, Channel>,
}

/// A message on its way to the broker.
pub struct Pending {
    bus: Bus,
    confirm: PublisherConfirm,
    /// Counted from the sending, so that a batch waits once and not once a message.
    until: Instant,
}

impl Pending {
    /// What the broker says to it.
    pub async fn confirmed(self) -> Result<Published, BusError> {
        let refused = |words: &str| Err(BusError::Refused(words.to_owned()));
        match tokio::time::timeout_at(self.until, self.confirm).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(Published::Routed),
            Ok(Ok(Confirmation::Ack(Some(_)))) => Ok(Published::Returned),
            Ok(Ok(Confirmation::Nack(_))) => refused("the broker did not take the message"),
            Ok(Ok(Confirmation::NotRequested)) => refused("the channel does not confirm"),
            Ok(Err(error)) => Err(self.bus.error(&error)),
            Err(_) => Err(BusError::Down(format!("not confirmed within {} s", CONFIRM_TIMEOUT.as_secs()))),
        }
    }
}

impl Publisher {
    pub(super) fn new(bus: Bus) -> Self {
        Self { bus, channels: HashMap::new() }
    }

    /// Sends, persistent and mandatory; several can be sent before the first is waited for.
    pub async fn send(
        &mut self,
        exchange: &str,
        routing_key: &str,
        message_id: &str,
        body: &[u8],
    ) -> Result<Pending, BusError> {
        let channel = self.channel(exchange).await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(message_id.into())
            .with_type(routing_key.into());
        let sending = channel.basic_publish(exchange.into(), routing_key.into(), options, body, properties);
        let confirm = self.bus.answered(sending).await?;
        Ok(Pending { bus: self.bus.clone(), confirm, until: Instant::now() + CONFIRM_TIMEOUT })
    }

    async fn channel(&mut self, exchange: &str) -> Result<Channel, BusError> {
        // Most errors close a channel for good: it is replaced.
        if let Some(channel) = self.channels.get(exchange)
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let channel = self.bus.channel().await?;
        self.bus.answered(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        self.channels.insert(exchange.to_owned(), channel.clone());
        Ok(channel)
    }
}
