//! Field names as they are on the wire. The validator knows Rust's names only; serde knows both, and is asked.

use serde::Deserialize;
use serde::de::{Deserializer, Visitor, value::Error};
use serde::forward_to_deserialize_any;

/// The names of a type's own fields; what is deeper follows their style.
pub(super) struct WireNames(&'static [&'static str]);

impl WireNames {
    pub(super) fn of<'de, T: Deserialize<'de>>() -> Self {
        let mut names: &'static [&'static str] = &[];
        // Fails as soon as it has been told the names, which is all that is wanted.
        let _ = T::deserialize(Ask(&mut names));
        Self(names)
    }

    /// `first_name` to `firstName`, `items[0].unit_price` to `items[0].unitPrice`, where that is how they are written.
    pub(super) fn translate(&self, path: &str) -> String {
        path.split('.').map(|segment| self.segment(segment)).collect::<Vec<_>>().join(".")
    }

    fn segment(&self, segment: &str) -> String {
        let (name, index) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
        let bare = |name: &str| name.replace('_', "").to_ascii_lowercase();
        let own = self.0.iter().find(|own| bare(own) == bare(name));
        let snake = self.0.iter().any(|own| own.contains('_'));
        let name = match own {
            Some(own) => (*own).to_owned(),
            None if snake => name.to_owned(),
            None => camel(name),
        };
        name + index
    }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &capital.into_iter().chain(letters).collect::<String>()
    })
}

struct Ask<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Ask<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("only asked for its names"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its names count")]
    struct Camel {
        first_name: String,
        items: Vec<String>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its names count")]
    struct Snake {
        refresh_token: String,
    }

    #[test]
    fn a_field_is_named_as_the_client_wrote_it() {
        let camel = WireNames::of::<Camel>();
        assert_eq!(camel.translate("first_name"), "firstName");
        assert_eq!(camel.translate("items[2].unit_price"), "items[2].unitPrice");
        let snake = WireNames::of::<Snake>();
        assert_eq!(snake.translate("refresh_token"), "refresh_token");
    }
}
