//! The report as one HTML file that mail programs show: tables and inline styles, nothing loaded.

use askama::Template;

use super::RenderError;
use super::palette::STYLE;
use super::summary::Summary;
use super::view::{DisplayRow, ReportView, Urgency, view};

#[derive(Template)]
#[template(path = "report.html")]
struct HtmlPage {
    view: ReportView,
    style: &'static str,
}

/// A list's rows, drawn the same way everywhere.
#[derive(Template)]
#[template(path = "rows.html")]
pub(super) struct HtmlRows<'a> {
    pub(super) rows: &'a [DisplayRow],
    pub(super) more: u64,
    /// Where the rest is.
    pub(super) rest: &'a str,
}

impl HtmlPage {
    /// The rows of a list; what they hold is escaped by their own template.
    fn rows<'a>(&self, rows: &'a [DisplayRow], more: &u64) -> HtmlRows<'a> {
        HtmlRows {
            rows,
            more: *more,
            rest: self.view.rest,
        }
    }
}

impl Urgency {
    /// The colour of a number.
    fn ink(self) -> &'static str {
        match self {
            Self::Calm => "#101828",
            Self::Warning => "#93370d",
            Self::Alarm => "#b42318",
        }
    }

    /// The class of a text that has this colour.
    fn ink_class(self) -> &'static str {
        match self {
            Self::Calm => "ink",
            Self::Warning => "warn",
            Self::Alarm => "alarm",
        }
    }

    /// The class of a paper that has this colour.
    fn paper_class(self) -> &'static str {
        match self {
            Self::Calm => "tile",
            Self::Warning => "warn-paper",
            Self::Alarm => "alarm-paper",
        }
    }

    /// The colour under a number.
    fn paper(self) -> &'static str {
        match self {
            Self::Calm => "#f5f6f8",
            Self::Warning => "#fef4e6",
            Self::Alarm => "#fdecea",
        }
    }
}

pub(super) fn render(summary: &Summary) -> Result<String, RenderError> {
    let page = HtmlPage {
        view: view(summary),
        style: &STYLE,
    };
    Ok(page.render()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::list::ReportList;
    use super::super::sample;
    use super::*;

    #[test]
    fn a_lively_week_reads_from_the_worst_to_the_least() {
        insta::assert_snapshot!(render(&sample::lively()).unwrap());
    }

    #[test]
    fn a_quiet_week_is_short_and_names_the_next_report() {
        insta::assert_snapshot!(render(&sample::quiet()).unwrap());
    }

    #[test]
    fn nothing_is_loaded_from_anywhere() {
        let html = render(&sample::lively()).unwrap();
        for loader in [
            "http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link",
        ] {
            assert!(!html.contains(loader), "{loader}");
        }
    }

    #[test]
    fn a_long_list_is_cut_and_says_where_the_rest_is() {
        let mut summary = sample::quiet();
        summary[ReportList::Unmanaged] = sample::lively()[ReportList::Unmanaged]
            .iter()
            .cloned()
            .cycle()
            .take(250)
            .collect();
        let html = render(&summary).unwrap();
        assert!(html.contains("and 50 more, see lapsed report --format csv"));
        assert_eq!(
            html.matches("<strong style=\"font-weight:600;\">").count(),
            200
        );
    }

    /// The tags and comments, in order, with their attributes.
    fn tags(html: &str) -> Vec<&str> {
        html.split('<')
            .skip(1)
            .map(|tag| tag.split_once('>').map_or(tag, |(inside, _)| inside))
            .collect()
    }

    proptest! {
        #[test]
        fn no_text_can_become_markup(text in "\\PC*|[<>\"'&/a-z =;!\\-]*") {
            let mut harmless = sample::quiet();
            sample::fill_with(&mut harmless, "x");
            let mut summary = sample::quiet();
            sample::fill_with(&mut summary, &format!("x{text}<script>alert(1)</script>x"));
            let expected = render(&harmless).unwrap();
            let html = render(&summary).unwrap();
            prop_assert!(!html.contains("<script"));
            prop_assert_eq!(tags(&html), tags(&expected));
        }
    }
}
