//! The report for scripts: the summary as it is, with what is computed from it.

use serde::Serialize;

use super::RenderError;
use super::summary::{Summary, Totals, Week, weeks};

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    counts: Totals,
    exposure_hours: u64,
    weeks: Vec<Week>,
}

/// Writes the report as one JSON object.
pub(super) fn render(summary: &Summary) -> Result<String, RenderError> {
    let mut json = serde_json::to_string(&Document {
        summary,
        counts: summary.counts(),
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
