//! The plan's rules.
