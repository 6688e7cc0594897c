//! The start's wait for what is needed: each dependency on its own, with its reason said when it changes.

use std::time::Duration;

use futures::future::try_join_all;

use crate::health::Dependency;
use crate::start::StartError;

const ATTEMPT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Returns when each hard need has answered once; gives up with the reason of the first that did not in time.
pub(crate) async fn for_all(dependencies: &[Dependency], patience: Duration) -> Result<(), StartError> {
    let hard = dependencies.iter().filter(|dependency| dependency.hard);
    try_join_all(hard.map(|dependency| for_one(dependency, patience))).await.map(drop)
}

async fn for_one(dependency: &Dependency, patience: Duration) -> Result<(), StartError> {
    let mut why = "it has not been asked yet".to_owned();
    let asking = async {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = dependency.check(ATTEMPT).await {
            if error != why {
                tracing::warn!(dependency = dependency.name, address = dependency.address, error, "waiting");
                why = error;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    match tokio::time::timeout(patience, asking).await {
        Ok(()) => Ok(()),
        Err(_) => Err(StartError::at(&dependency.address, why)),
    }
}
