//! Prometheus' text format for figures that are read rather than counted.

use std::fmt::{Display, Write};

/// One family at a time: its lines stand together, under what they mean.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a gauge; its lines follow. One without lines is left out.
    pub(super) fn gauge<L, V>(&mut self, name: &str, help: &str, lines: impl IntoIterator<Item = (L, V)>)
    where
        L: AsRef<[(&'static str, String)]>,
        V: Display,
    {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_none() {
            return;
        }
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} gauge"));
        for (labels, value) in lines {
            let labels: Vec<String> = labels
                .as_ref()
                .iter()
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
                .collect();
            self.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
        }
        self.0.push('\n');
    }

    fn line(&mut self, line: std::fmt::Arguments) {
        // Writing to a String can't fail.
        let _ = writeln!(self.0, "{line}");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn a_family_has_its_meaning_first_and_its_values_escaped() {
        let mut text = Text::default();
        let labels = [("name", "a \"b\" \\ \n".to_owned())];
        text.gauge("up", "Whether.", [(labels, 1)]);
        text.gauge("down", "None of it.", Vec::<([(&str, String); 1], i32)>::new());
        let expected = "# HELP up Whether.\n# TYPE up gauge\nup{name=\"a \\\"b\\\" \\\\ \\n\"} 1\n\n";
        assert_eq!(text.finish(), expected);
    }
}
