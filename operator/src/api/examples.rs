//! Specs that must be accepted and specs that must be refused, each with what the refusal must say.
