//! Where a command prints, and whether a person looks at it.

use std::io::{self, IsTerminal, Write};

pub struct Screen<'a> {
    out: &'a mut (dyn Write + Send),
    pub(crate) terminal: bool,
    pub(crate) paint: Paint,
}

/// Colours, or none.
#[derive(Clone, Copy, Default)]
pub(crate) struct Paint(pub(crate) bool);

impl<'a> Screen<'a> {
    /// Colours only on a terminal, and not where NO_COLOR says so (no-color.org).
    pub(crate) fn of_stdout(out: &'a mut (dyn Write + Send)) -> Self {
        let terminal = io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { out, terminal, paint: Paint(terminal && !refused) }
    }

    /// For a program: no colours, nothing redrawn.
    pub fn plain(out: &'a mut (dyn Write + Send)) -> Self {
        Self { out, terminal: false, paint: Paint(false) }
    }

    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    pub(crate) fn clear(&mut self) -> io::Result<()> {
        write!(self.out, "\x1b[H\x1b[2J")
    }
}

impl Paint {
    pub(crate) fn mark(self, mark: &str) -> String {
        let colour = match mark {
            "✓" => "32",
            "✗" => "31",
            "▸" => "33",
            _ => "2",
        };
        if self.0 { format!("\x1b[{colour}m{mark}\x1b[0m") } else { mark.to_owned() }
    }
}
