//! The variables that the operator sets in a service's container, and which a person therefore can't set.

/// Names that belong to the operator; so does every name that starts with `ORION_PEER_`.
pub(super) const RESERVED: &[&str] = &[];

/// The CEL rule that refuses them.
pub fn reserved_env_rule() -> String {
    let names: Vec<String> = RESERVED.iter().map(|name| format!("'{name}'")).collect();
    format!("!self.startsWith('ORION_PEER_') && !(self in [{}])", names.join(", "))
}
