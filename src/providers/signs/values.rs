//! What the value of a sign says.

use serde_json::Value;

/// Whether a field for the next page names one: "none" is written in many ways.
pub(super) fn names_a_page(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            !["", "0", "false", "nil", "no", "none", "null"].contains(&text.as_str())
        }
        Value::Array(items) => !items.is_empty(),
        // A link as HAL writes it.
        Value::Object(fields) => fields.get("href").map_or(!fields.is_empty(), names_a_page),
    }
}

/// Whether it says yes, or says no, and not something else.
pub(super) fn is(value: &Value, yes: bool) -> bool {
    match value {
        Value::Bool(says) => *says == yes,
        Value::String(text) => {
            let words: [&str; 2] = if yes {
                ["true", "yes"]
            } else {
                ["false", "no"]
            };
            let text = text.trim();
            words.iter().any(|word| text.eq_ignore_ascii_case(word))
        }
        _ => false,
    }
}

/// Whether it tells how many more there are.
pub(super) fn counts_more(value: &Value) -> bool {
    number(value).is_some_and(|more| more > 0)
}

pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn plain(value: &Value) -> String {
    let text = value.as_str().map(|text| text.trim().to_owned());
    text.unwrap_or_else(|| value.to_string())
}
