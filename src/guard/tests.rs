//! The guard at its limits.
