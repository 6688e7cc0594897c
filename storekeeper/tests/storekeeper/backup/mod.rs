//! Backup and restore, with stores that are the test's alone: a backup is of everything in them.

mod damage;
mod keeping;
mod round_trip;
mod s3;
mod stage;
