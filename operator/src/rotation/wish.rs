//! What a person asks for with an annotation of the platform.

/// `<token>`, or `<token> <service>…`: another token than before asks for new accounts, of all services or of these.
pub const ROTATE: &str = "orion.dev/rotate";
/// It is noted on every Secret, and an annotation may be long: what comes after tells no two wishes apart.
const LONGEST: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Anything that was not written before, such as a date.
    pub token: String,
    /// Empty: all.
    services: Vec<String>,
}

impl Wish {
    pub fn read(annotation: &str) -> Option<Self> {
        let mut words = annotation.split([' ', ',', '\n', '\t']).filter(|word| !word.is_empty());
        let token = words.next()?.chars().take(LONGEST).collect();
        Some(Self { token, services: words.map(str::to_owned).collect() })
    }

    pub fn covers(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|name| name == service)
    }

    /// What is asked for and is no service.
    pub fn unknown(&self) -> Vec<&str> {
        let names = self.services.iter().map(String::as_str);
        names.filter(|name| catalog::service(name).is_none()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Wish;

    #[test]
    fn a_wish_is_a_token_and_perhaps_services() {
        let all = Wish::read("2026-11-24").expect("a wish");
        assert!(all.covers("auth") && all.covers("user") && all.token == "2026-11-24");
        let some = Wish::read(" 2026-11-24  auth,user\n").expect("a wish");
        assert!(some.covers("auth") && some.covers("user") && !some.covers("gateway"));
        assert_eq!(Wish::read("now auth nobody").expect("a wish").unknown(), ["nobody"]);
        assert_eq!(Wish::read("  "), None);
    }
}
