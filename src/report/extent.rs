//! How much of a report is shown, where not all of it can be.

use super::fitting::MOST_ROWS;

/// How much of a report is shown: a mail server may take no larger mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Extent {
    /// As much as a person reads, by itself.
    #[default]
    Printed,
    /// The same in a mail; the rest is in the CSV beside it.
    Mailed,
    /// The same, where the mail server takes no CSV with it.
    WithoutTable,
    /// The beginning of each list.
    Beginnings,
    Numbers,
}

impl Extent {
    /// Rows of each list.
    pub(super) fn rows(self) -> usize {
        match self {
            Self::Printed | Self::Mailed | Self::WithoutTable => MOST_ROWS,
            Self::Beginnings => 20,
            Self::Numbers => 0,
        }
    }

    /// Where the rest of a list is.
    pub(super) fn rest(self) -> &'static str {
        match self {
            Self::Mailed => "see the attached CSV",
            _ => "see lapsed report --format csv",
        }
    }

    /// What a reader of a shorter report is told.
    pub(super) fn notice(self) -> Option<&'static str> {
        let notice = match self {
            Self::Printed | Self::Mailed => return None,
            Self::WithoutTable => {
                "The table is missing: the mail server takes no mail as large as that. It is printed by: lapsed report --format csv"
            }
            Self::Beginnings => {
                "Lists are cut, and the table is missing: the mail server takes no mail as large as that. All is printed by: lapsed report --format csv"
            }
            Self::Numbers => {
                "Only numbers are here: the mail server takes no mail as large as the whole report. All is printed by: lapsed report --format csv"
            }
        };
        Some(notice)
    }
}
