//! The report's table as an attachment, compressed where it is long.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, SinglePart};

use super::ComposeError;
use crate::report::{self, Format, Summary};

/// A longer table is compressed.
const MOST_PLAIN: usize = 1_000_000;

/// The most bytes of the table in a mail: base64 adds a third, and 10 MB is what mail servers
/// commonly accept.
const MOST: usize = 5_000_000;

/// The table of this report.
pub(super) fn attached(summary: &Summary) -> Result<SinglePart, ComposeError> {
    let day = summary.to.to_zoned(summary.timezone.clone());
    let name = format!("lapsed-report-{}.csv", day.strftime("%Y-%m-%d"));
    let table = report::render(summary, Format::Csv)?;
    if table.len() <= MOST_PLAIN {
        let kind = ContentType::parse("text/csv; charset=utf-8; header=present")?;
        return Ok(Attachment::new(name).body(table, kind));
    }
    let kind = ContentType::parse("application/gzip")?;
    let body = compressed_within(&table, MOST)?;
    Ok(Attachment::new(format!("{name}.gz")).body(body, kind))
}

/// The table, compressed; cut, where it is too long all the same.
fn compressed_within(table: &str, most: usize) -> Result<Vec<u8>, ComposeError> {
    let mut bytes = compressed(table)?;
    let mut keep = table.len();
    while bytes.len() > most {
        // A cut table compresses about as well as the whole one.
        keep = keep / 10 * 9 / bytes.len().div_ceil(most);
        bytes = compressed(&report::csv_within(table, keep)?)?;
    }
    Ok(bytes)
}

/// The same text gives the same bytes: no name and no time are in them.
fn compressed(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::report::sample;

    fn unpacked(bytes: &[u8]) -> String {
        let mut text = String::new();
        GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_table_that_is_too_long_even_compressed_ends_with_a_whole_row_and_a_note() {
        let table = report::render(&sample::lively(), Format::Csv).unwrap();
        let whole = compressed_within(&table, MOST).unwrap();
        assert_eq!(unpacked(&whole), table);
        assert_eq!(compressed(&table).unwrap(), whole);

        let most = whole.len() - 100;
        let cut = compressed_within(&table, most).unwrap();
        assert!(cut.len() <= most);
        let cut = unpacked(&cut);
        let rows: Vec<&str> = cut.lines().collect();
        let (note, rows) = rows.split_last().unwrap();
        assert!(note.starts_with("cut,"), "{note}");
        assert!(rows.len() > 5 && table.starts_with(&rows.join("\r\n")));
    }
}
