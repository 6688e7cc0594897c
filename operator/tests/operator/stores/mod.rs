//! Stores as the plan has them started, in the root file systems of the images that the project's own cluster runs.

mod container;
mod postgres;
mod rabbitmq;
mod sentinel;
