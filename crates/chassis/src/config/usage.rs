//! `--help`, made from what the readers declared.

use catalog::Service;

use super::reader::{Declared, Presence, Reader};

pub(crate) fn usage(service: &Service, version: &str, reader: &Reader) -> String {
    let mut text = format!(
        "{name} {version}: {summary}\n\nusage: {name} [--help | --version]\n\n\
         It takes its settings from variables. A secret can be given as NAME, or as NAME_FILE that names a file.\n\
         Durations are a whole number and a unit: ms, s, m, h, d.\n\n",
        name = service.name,
        summary = service.summary,
    );
    for declared in reader.declared() {
        text.push_str(&line(declared));
    }
    text
}

fn line(declared: &Declared) -> String {
    let name = match declared.secret {
        true => format!("{}[_FILE]", declared.name),
        false => declared.name.to_string(),
    };
    let value = match &declared.value {
        Presence::Required => "required".to_owned(),
        Presence::Optional => "optional".to_owned(),
        Presence::Default(value) => format!("default {value}"),
    };
    format!("  {name}\n      {} ({value})\n", declared.help)
}
