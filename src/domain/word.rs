//! Words of the vocabulary, read back from where they were written down.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{ActionKind, Evidence, Provided, ProvisionKind, ProvisionState, Reason, Verdict};

macro_rules! read_by_word {
    ($($vocabulary:ident),*) => {
        $(impl<'de> Deserialize<'de> for $vocabulary {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                let unknown = format_args!("{word:?} is no {}", stringify!($vocabulary));
                word.parse().map_err(|_| D::Error::custom(unknown))
            }
        })*
    };
}

read_by_word!(
    ActionKind,
    Evidence,
    Provided,
    ProvisionKind,
    ProvisionState,
    Reason,
    Verdict
);
