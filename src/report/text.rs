//! The report as plain text, 78 columns wide: numbers first, names after.

use super::summary::Summary;
use super::view::{Bar, DisplayRow, HeldAlarm, ListSection, ReportView, joined, view};

/// What mail programs show without wrapping (RFC 5322, 2.1.1).
const WIDTH: usize = 78;

/// The longest bar; the week's day before it and its number after it must fit.
const BAR: u64 = 50;

pub(super) fn render(summary: &Summary) -> String {
    let ReportView {
        title,
        gist,
        period,
        tiles,
        alarm,
        sections,
        next,
        footer,
        trail,
        owed,
        notice,
        rest,
    } = view(summary);
    let mut page = TextPage::default();
    let heading = match title.as_str() {
        "" => "Access report".to_owned(),
        title => format!("Access report: {title}"),
    };
    page.wrapped("", &heading);
    page.wrapped("", &period);
    page.blank();
    page.wrapped("", &format!("{gist}."));
    if let Some(owed) = &owed {
        page.wrapped("", owed);
    }
    if let Some(notice) = notice {
        page.wrapped("", notice);
    }
    page.blank();
    for tile in &tiles {
        page.line(&format!("{:>8}  {}", tile.number, tile.label));
    }
    page.blank();
    page.wrapped("", &format!("Head of the audit trail: {trail}"));
    if let Some(alarm) = &alarm {
        held(&mut page, alarm);
    }
    page.blank();
    page.wrapped("", &next);
    for section in &sections {
        list(&mut page, section, rest);
    }
    page.blank();
    page.line(&"-".repeat(WIDTH));
    for line in &footer {
        page.wrapped("", line);
    }
    page.0
}

fn held(page: &mut TextPage, alarm: &HeldAlarm) {
    page.blank();
    page.line(&"!".repeat(WIDTH));
    page.wrapped("", &format!("HELD: {}", alarm.headline));
    page.line(&"!".repeat(WIDTH));
    page.wrapped("", &alarm.exposure);
    page.wrapped("", "To let exactly what is held go ahead, once:");
    for command in &alarm.commands {
        page.line(&format!("    {command}"));
    }
}

fn list(page: &mut TextPage, section: &ListSection, rest: &str) {
    page.blank();
    let heading = format!("{} ({})", section.title, section.total);
    page.line(&heading);
    page.line(&"=".repeat(heading.chars().count()));
    if !section.note.is_empty() {
        page.wrapped("", section.note);
    }
    if !section.bars.is_empty() {
        chart(page, &section.bars);
        page.blank();
    }
    page.rows(&section.rows, section.more, rest);
}

fn chart(page: &mut TextPage, bars: &[Bar]) {
    page.line("Week from");
    for bar in bars {
        let length = usize::try_from((bar.percent * BAR).div_ceil(100)).unwrap_or(0);
        let gap = if length == 0 { "" } else { " " };
        let drawn = "#".repeat(length);
        page.line(&format!("{}  {drawn}{gap}{}", bar.label, bar.count));
    }
}

#[derive(Default)]
pub(super) struct TextPage(pub(super) String);

impl TextPage {
    /// A list's rows, and where the rest of it is.
    pub(super) fn rows(&mut self, rows: &[DisplayRow], more: u64, rest: &str) {
        for row in rows {
            let when = [row.side.as_str(), row.side_note.as_str()];
            let when: Vec<&str> = when.into_iter().filter(|part| !part.is_empty()).collect();
            self.before("  ", &row.lead, &when.join(", "));
            self.wrapped("    ", &row.under);
            self.wrapped("    ", &row.note);
            for command in &row.commands {
                self.line(&format!("    {command}"));
            }
        }
        if more > 0 {
            self.line(&format!("  and {more} more, {rest}"));
        }
    }

    pub(super) fn blank(&mut self) {
        self.0.push('\n');
    }

    pub(super) fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    /// A text with one behind it, or below it where a line has no room for both. No column at the
    /// right edge: mail programs wrap it into the sentences.
    fn before(&mut self, indent: &str, text: &str, behind: &str) {
        let whole = joined(&[text, behind]);
        if indent.len() + whole.chars().count() <= WIDTH {
            self.line(&format!("{indent}{whole}"));
        } else {
            self.wrapped(indent, text);
            self.wrapped(&format!("{indent}  "), behind);
        }
    }

    /// A text over the whole width.
    pub(super) fn wrapped(&mut self, indent: &str, text: &str) {
        if !text.is_empty() {
            for line in broken(indent, text, WIDTH) {
                self.line(&line);
            }
        }
    }
}

/// Wraps a text at its spaces. A word wider than the line is left whole: an address or a hash in
/// two pieces cannot be copied.
fn broken(indent: &str, text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = indent.to_owned();
    let mut width = indent.len();
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > indent.len() && width + 1 + length > room {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            width = indent.len();
        }
        if width > indent.len() {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += length;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::list::ReportList;
    use super::super::sample;
    use super::*;

    #[test]
    fn a_lively_week_reads_from_the_worst_to_the_least() {
        insta::assert_snapshot!(render(&sample::lively()));
    }

    #[test]
    fn a_quiet_week_is_short_and_names_the_next_report() {
        insta::assert_snapshot!(render(&sample::quiet()));
    }

    #[test]
    fn a_long_list_is_cut_and_says_where_the_rest_is() {
        let mut summary = sample::quiet();
        summary[ReportList::Ending] = sample::lively()[ReportList::Ending]
            .iter()
            .cloned()
            .cycle()
            .take(250)
            .collect();
        summary.set_total(ReportList::Ending, 9000);
        let text = render(&summary);
        assert!(text.contains("(9000)"), "{text}");
        assert!(
            text.contains("and 8800 more, see lapsed report --format csv"),
            "{text}"
        );
        assert_eq!(text.matches("  contractor").count(), 200);
    }

    proptest! {
        #[test]
        fn no_line_of_words_is_wider_than_the_page(text in "([a-zäöü]{1,20} ?){0,40}|\\PC*") {
            let mut summary = sample::quiet();
            sample::fill_with(&mut summary, &text);
            for line in render(&summary).lines() {
                prop_assert!(!line.chars().any(char::is_control));
                let widest = line.split_whitespace().map(|word| word.chars().count()).max();
                if widest.unwrap_or(0) <= WIDTH / 2 {
                    prop_assert!(line.chars().count() <= WIDTH, "{line}");
                }
            }
        }
    }
}
