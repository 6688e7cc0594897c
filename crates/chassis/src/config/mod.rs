//! Configuration: typed, from `ORION_*` variables, read in full before anything binds.
//!
//! Every setting is declared where it is read, so that `--help`, the complaint about an unknown variable and the
//! value itself cannot drift apart. All that is wrong is reported at once.

mod durations;
mod reader;
mod settings;
mod usage;

pub use durations::show as show_duration;
pub use reader::{Bad, ConfigErrors, Reader};
pub use settings::Settings;
pub(crate) use usage::usage;
