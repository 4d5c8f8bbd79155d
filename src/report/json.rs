//! The report for scripts: the summary as it is, with what is computed from it.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::RenderError;
use super::list::ReportList;
use super::summary::{Summary, Trail, Week, weeks};
use crate::domain::Owed;

#[derive(Serialize)]
struct Document<'a, L: Serialize, C: Serialize> {
    organization: &'a str,
    run: Option<&'a str>,
    from: Option<Timestamp>,
    to: Timestamp,
    generated_at: Timestamp,
    timezone: Option<&'a str>,
    #[serde(flatten)]
    actions: L,
    owed: Owed,
    #[serde(flatten)]
    lists: L,
    next_report: Option<Timestamp>,
    trail: &'a Trail,
    counts: C,
    exposure_hours: u64,
    weeks: Vec<Week>,
}

/// An object with its keys in this order.
struct Object<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for Object<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// Writes the report as one JSON object.
pub(super) fn render(summary: &Summary) -> Result<String, RenderError> {
    let lines = |list: ReportList| -> Vec<_> {
        let keys = list.layout().keys.iter();
        let line = |line| Object(keys.clone().map(move |(key, value)| (key, value(line))));
        summary[list].iter().map(line).collect()
    };
    let lists =
        |lists: &'static [ReportList]| Object(lists.iter().map(|list| (list.key(), lines(*list))));
    // What is owed stands behind what was done and what is due.
    let (first, others) = ReportList::JSON.split_at(2);
    let all = ReportList::JSON.iter();
    let mut json = serde_json::to_string(&Document {
        organization: &summary.organization,
        run: summary.run.as_deref(),
        from: summary.from,
        to: summary.to,
        generated_at: summary.generated_at,
        timezone: summary.timezone.iana_name(),
        actions: lists(first),
        owed: summary.owed,
        lists: lists(others),
        next_report: summary.next_report,
        trail: &summary.trail,
        counts: Object(all.map(|list| (list.key(), summary.count(*list)))),
        exposure_hours: summary.exposure_hours(),
        weeks: weeks(summary),
    })?;
    json.push('\n');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn each_list_has_its_own_keys_in_a_fixed_order() {
        insta::assert_snapshot!(render(&sample::lively()).unwrap());
    }

    #[test]
    fn scripts_get_what_people_get() {
        let json: serde_json::Value =
            serde_json::from_str(&render(&sample::lively()).unwrap()).unwrap();
        assert_eq!(json["timezone"], "Europe/Berlin");
        assert_eq!(json["to"], "2026-11-22T06:00:00Z");
        assert_eq!(json["counts"]["held"], 2);
        assert_eq!(json["exposure_hours"], 96);
        assert_eq!(json["weeks"].as_array().unwrap().len(), 13);
        assert_eq!(json["ended"][0]["evidence"], "acknowledged");
        assert_eq!(json["changes"][2]["email"], serde_json::Value::Null);
    }
}
