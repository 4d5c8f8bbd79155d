//! Lines of which one command makes thousands, summed up: an import is told in a line, and the names
//! are in the table.

use std::collections::{BTreeMap, BTreeSet};

use super::line::ReportLine;
use super::list::ReportList;
use super::summary::Summary;
use super::view::{DisplayRow, joined};
use crate::text::count;

/// More lines than these of one kind are summed up.
const FEW: usize = 10;

/// What is summed up, and what one and many are called then.
const KINDS: [(&str, &str, &str); 3] = [
    ("grant recorded", "grant recorded", "grants recorded"),
    ("grant amended", "grant amended", "grants amended"),
    ("access given", "person given access", "people given access"),
];

/// What is shown in one row.
pub(super) enum Entry<'a> {
    Line(&'a ReportLine),
    /// Of one kind, and of one person's doing.
    Sum(usize, Vec<&'a ReportLine>),
}

/// A list's lines as they are shown: what is summed up stands first.
pub(super) fn entries(list: ReportList, lines: &[ReportLine]) -> Vec<Entry<'_>> {
    if list != ReportList::Changes {
        return lines.iter().map(Entry::Line).collect();
    }
    let is = |line: &ReportLine, kind: &str| line.action.as_deref() == Some(kind);
    let many = KINDS.map(|(kind, ..)| lines.iter().filter(|line| is(line, kind)).count() > FEW);
    let mut sums: BTreeMap<(usize, &str), Vec<&ReportLine>> = BTreeMap::new();
    let mut single = Vec::new();
    for line in lines {
        let kind = KINDS.iter().position(|(kind, ..)| is(line, kind));
        match kind.filter(|kind| many[*kind]) {
            Some(kind) => {
                let credit = line.credit.as_deref().unwrap_or_default();
                sums.entry((kind, credit)).or_default().push(line);
            }
            None => single.push(Entry::Line(line)),
        }
    }
    let sums = sums.into_iter();
    let sums = sums.map(|((kind, _), lines)| Entry::Sum(kind, lines));
    sums.chain(single).collect()
}

impl Entry<'_> {
    /// How many lines it tells of.
    pub(super) fn lines(&self) -> u64 {
        match self {
            Self::Line(_) => 1,
            Self::Sum(_, lines) => lines.len() as u64,
        }
    }

    pub(super) fn row(&self, summary: &Summary, list: ReportList) -> DisplayRow {
        let (kind, lines) = match self {
            Self::Line(line) => return list.row(summary, line),
            Self::Sum(kind, lines) => (*kind, lines),
        };
        let (_, one, many) = KINDS[kind];
        let targets: BTreeSet<&str> = lines.iter().filter_map(|l| l.target.as_deref()).collect();
        let place = match targets.first() {
            Some(target) if targets.len() == 1 => (*target).to_owned(),
            _ => count(targets.len() as u64, "target", "targets"),
        };
        let credit = lines.first().and_then(|line| line.credit.as_deref());
        let moments = lines.iter().map(|line| line.at);
        let [first, last] = [moments.clone().min(), moments.max()]
            .map(|at| at.map_or_else(String::new, |at| summary.moment(at)));
        let row = DisplayRow {
            lead: count(lines.len() as u64, one, many),
            under: joined(&[credit.unwrap_or_default(), &place]),
            side_note: match first == last {
                true => String::new(),
                false => format!("to {last}"),
            },
            side: first,
            ..DisplayRow::default()
        };
        row.cleaned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    /// So many grants, which somebody recorded one after another.
    fn recorded(number: usize, credit: &str) -> Vec<ReportLine> {
        let line = |n| ReportLine {
            action: Some("grant recorded".into()),
            target: Some(format!("sapling:acme/Team {}", n % 3)),
            email: Some(format!("person{n}@example.com")),
            credit: Some(credit.into()),
            ..ReportLine::default()
        };
        (0..number).map(line).collect()
    }

    fn shown(lines: &[ReportLine]) -> Vec<(String, String)> {
        let summary = sample::quiet();
        let row = |entry: &Entry<'_>| {
            let row = entry.row(&summary, ReportList::Changes);
            (row.lead, row.under)
        };
        let entries = entries(ReportList::Changes, lines);
        entries.iter().map(row).collect()
    }

    #[test]
    fn many_grants_are_a_line_for_each_who_recorded_them() {
        let mut lines = recorded(5000, "by jane");
        lines.extend(recorded(1, "by bob"));
        lines.extend(sample::lively()[ReportList::Changes].clone());
        let shown = shown(&lines);
        let of = |lead: &str, under: &str| (lead.to_owned(), under.to_owned());
        assert_eq!(
            shown[..2],
            [
                of("1 grant recorded", "by bob · sapling:acme/Team 0"),
                of("5000 grants recorded", "by jane · 3 targets"),
            ]
        );
        assert_eq!(shown.len(), 2 + 3);
    }

    #[test]
    fn few_grants_are_told_one_by_one() {
        assert_eq!(shown(&recorded(FEW, "by jane")).len(), FEW);
    }
}
