//! Renders the audit report as text, HTML, CSV or JSON. Pure, and without a clock.

mod csv;
mod extent;
mod fitting;
mod html;
mod json;
pub(crate) mod letter;
mod line;
mod list;
mod palette;
#[cfg(test)]
pub(crate) mod sample;
mod subject;
mod summary;
mod summed;
mod text;
mod view;
pub(crate) mod words;

pub(crate) use csv::{defused, within as csv_within};
pub(crate) use extent::Extent;
pub(crate) use fitting::fitting;
pub(crate) use line::ReportLine;
pub(crate) use list::ReportList;
pub(crate) use subject::subject;
pub(crate) use summary::{Summary, Trail, WEEKS, Week, zone_name};
pub(crate) use view::{DisplayRow, ListSection, Tile, Urgency, bars, sections, what_is_owed};

use thiserror::Error;

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Format {
    /// For a terminal and the plain part of a mail, 78 columns wide.
    Text,
    /// For mail and browsers: one file, nothing loaded from elsewhere.
    Html,
    /// One row a fact, times in UTC.
    Csv,
    /// For scripts, times in UTC.
    Json,
}

/// Why a report could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The HTML template failed.
    #[error("the HTML report could not be written")]
    Html(#[from] askama::Error),
    /// A CSV row could not be written.
    #[error("the CSV report could not be written")]
    Csv(#[from] ::csv::Error),
    /// A value has no JSON form.
    #[error("the JSON report could not be written")]
    Json(#[from] serde_json::Error),
}

/// Writes the report.
///
/// # Errors
/// When a format fails, which no [`Summary`] of sane size does.
pub(crate) fn render(summary: &Summary, format: Format) -> Result<String, RenderError> {
    match format {
        Format::Text => Ok(text::render(summary)),
        Format::Html => html::render(summary),
        Format::Csv => csv::render(summary),
        Format::Json => json::render(summary),
    }
}
