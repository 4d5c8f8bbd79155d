//! What was measured, as people read it.

use std::time::Duration;

/// One thing that was measured.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) lapsed: String,
    pub(crate) against: String,
    pub(crate) figure: String,
    pub(crate) target: String,
    pub(crate) met: Option<bool>,
}

impl Line {
    /// How many times as long lapsed took, by the medians.
    pub(crate) fn ratio(
        what: &str,
        lapsed: &[Duration],
        against: &[Duration],
        target: f64,
    ) -> Self {
        let ratio = median(lapsed).as_secs_f64() / median(against).as_secs_f64();
        Self {
            what: what.to_owned(),
            lapsed: spread(lapsed),
            against: spread(against),
            figure: format!("{ratio:.2} x"),
            target: format!("{target:.2} x"),
            met: Some(ratio <= target),
        }
    }

    /// How long lapsed took, against what it may take.
    pub(crate) fn within(what: &str, lapsed: &[Duration], target: Duration) -> Self {
        Self {
            what: what.to_owned(),
            lapsed: spread(lapsed),
            against: String::new(),
            figure: String::new(),
            target: format!("{} ms", target.as_millis()),
            met: Some(median(lapsed) <= target),
        }
    }

    /// A thing that is only told.
    pub(crate) fn told(what: &str, lapsed: String, against: String) -> Self {
        Self {
            what: what.to_owned(),
            lapsed,
            against,
            figure: String::new(),
            target: String::new(),
            met: None,
        }
    }
}

fn sorted(times: &[Duration]) -> Vec<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times
}

/// The middle one, or the lower of the middle two.
fn median(times: &[Duration]) -> Duration {
    sorted(times)[(times.len() - 1) / 2]
}

/// The median, and between what it lies.
fn spread(times: &[Duration]) -> String {
    let times = sorted(times);
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let (least, most) = (milliseconds(times[0]), milliseconds(times[times.len() - 1]));
    format!(
        "{:.0} ms ({least:.0} to {most:.0})",
        milliseconds(median(&times))
    )
}

pub(crate) fn mebibytes(bytes: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a figure for people, with one digit"
    )]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1} MiB")
}

pub(crate) fn kibibytes(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// All of it, as a table in Markdown.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut rows =
        vec![["what", "lapsed", "against", "figure", "target", "met"].map(str::to_owned)];
    rows.extend(lines.iter().map(|line| {
        let met = line.met.map_or("", |met| if met { "yes" } else { "NO" });
        let columns = [
            &line.what,
            &line.lapsed,
            &line.against,
            &line.figure,
            &line.target,
        ];
        let [what, lapsed, against, figure, target] = columns.map(Clone::clone);
        [what, lapsed, against, figure, target, met.to_owned()]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    rows.insert(1, std::array::from_fn(|column| "-".repeat(widths[column])));
    let cells = |row: &[String; 6]| -> String {
        let pad = |(cell, width): (&String, &usize)| format!(" {cell:<width$} |");
        row.iter().zip(&widths).map(pad).collect()
    };
    rows.iter()
        .map(|row| format!("|{}\n", cells(row)))
        .collect()
}
