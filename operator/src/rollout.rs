//! Which units may change now, which wait, and why. Pure.
