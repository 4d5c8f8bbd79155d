//! OpenMetrics text, read as strictly as a test needs it.

use std::collections::{BTreeMap, BTreeSet};

/// What a text holds.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// The type of each family.
    pub(crate) families: BTreeMap<String, String>,
    /// The value of each series: its name and its labels in braces.
    series: BTreeMap<String, f64>,
}

impl Exposition {
    /// Fails at the first line that should not be there.
    #[track_caller]
    pub(crate) fn read(text: &str) -> Self {
        let lines = text
            .strip_suffix("# EOF\n")
            .unwrap_or_else(|| panic!("no end mark: {text}"));
        let mut all = Self::default();
        let mut helped = BTreeSet::new();
        let mut family = String::new();
        for line in lines.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').unwrap();
                assert!(words.len() > 10 && words.ends_with('.'), "{line}");
                assert!(helped.insert(name.to_owned()), "twice: {line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(is_name(name) && helped.contains(name), "{line}");
                name.clone_into(&mut family);
                all.families.insert(name.to_owned(), kind.to_owned());
            } else {
                all.sample(line, &family);
            }
        }
        all
    }

    #[track_caller]
    fn sample(&mut self, line: &str, family: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
            None => (series, ""),
        };
        let suffixes: &[&str] = match self.families[family].as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            other => panic!("{line} is a {other}"),
        };
        let suffix = name.strip_prefix(family);
        assert!(suffixes.contains(&suffix.unwrap()), "{family}: {line}");
        let mut names = BTreeSet::new();
        for (label, value) in labelled(labels) {
            assert!(is_name(label) && names.insert(label), "{line}");
            assert!(!value.is_empty() && !value.contains(['"', '\\']), "{line}");
        }
        let value: f64 = value.parse().unwrap();
        assert!(value >= 0.0, "{line}");
        let before = self.series.insert(series.to_owned(), value);
        assert_eq!(before, None, "twice: {series}");
    }

    /// The value of a series, written as in the text.
    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> f64 {
        let value = self.series.get(series);
        *value.unwrap_or_else(|| panic!("no {series} in {:#?}", self.series))
    }

    /// The names of the series, with their suffixes.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let series = self.series.keys();
        series.map(|s| s.split('{').next().unwrap()).collect()
    }

    /// The labels of a family, without the bounds of buckets.
    pub(crate) fn labels(&self, family: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for series in self.series.keys() {
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let is_of = name.strip_prefix(family);
            if is_of.is_some_and(|rest| ["", "_total", "_info", "_count"].contains(&rest)) {
                let labels = labels.trim_end_matches('}');
                found.extend(labelled(labels).map(|(label, _)| label));
            }
        }
        found
    }
}

/// `a="b",c="d"`, where no value holds a quote.
fn labelled(labels: &str) -> impl Iterator<Item = (&str, &str)> {
    labels.split_terminator("\",").map(|pair| {
        let (label, value) = pair.split_once("=\"").unwrap();
        (label, value.trim_end_matches('"'))
    })
}

fn is_name(name: &str) -> bool {
    let is_fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.bytes().all(is_fit) && name.starts_with(|c: char| c.is_ascii_lowercase())
}
