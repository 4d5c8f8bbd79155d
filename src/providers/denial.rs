//! Whether a document or text that comes with a status of success says yes or no.

use serde_json::{Map, Value};

/// The longest plain text that can be a yes.
const LONGEST_YES: usize = 80;

/// Words by which a text says that something was done.
const YES: [&str; 22] = [
    "accepted",
    "acknowledged",
    "added",
    "applied",
    "changed",
    "complete",
    "completed",
    "created",
    "deleted",
    "done",
    "gone",
    "granted",
    "invited",
    "ok",
    "okay",
    "removed",
    "revoked",
    "saved",
    "success",
    "successful",
    "successfully",
    "updated",
];

/// Words by which a text says that it was not.
const NO: [&str; 27] = [
    "aborted",
    "bad",
    "cannot",
    "cant",
    "couldnt",
    "denied",
    "didnt",
    "disallowed",
    "doesnt",
    "error",
    "errors",
    "exception",
    "fail",
    "failed",
    "failure",
    "forbidden",
    "invalid",
    "missing",
    "never",
    "no",
    "not",
    "rejected",
    "refused",
    "unable",
    "unauthorized",
    "unsuccessful",
    "wasnt",
];

/// Parts of an answer in which the verdict may stand instead of at the top.
const INSIDE: [&str; 4] = ["data", "result", "response", "results"];

/// Fields that say whether it was done.
const DONE: [&str; 7] = [
    "success",
    "ok",
    "succeeded",
    "done",
    "deleted",
    "removed",
    "added",
];

/// Fields in which an error stands; names are compared without case, `_` and `-`.
const ERROR: [&str; 19] = [
    "error",
    "errors",
    "err",
    "errorcode",
    "errorcount",
    "errordescription",
    "errordetail",
    "errordetails",
    "errormessage",
    "errormessages",
    "errormsg",
    "errno",
    "exception",
    "failed",
    "failure",
    "failures",
    "haserror",
    "haserrors",
    "iserror",
];

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Yes,
    No,
    Neither,
}

/// Whether a plain text says that what was asked is done.
pub(super) fn is_yes(text: &[u8]) -> bool {
    text.len() <= LONGEST_YES && std::str::from_utf8(text).is_ok_and(|text| says(text) == Says::Yes)
}

/// What a document says against the success in its status; `None` where it agrees or says nothing.
///
/// An error field that is empty, false or null is no error.
pub(super) fn denial(value: &Value) -> Option<String> {
    match value {
        Value::Bool(false) => Some("false".to_owned()),
        Value::String(text) => (says(text) == Says::No).then(|| text.clone()),
        Value::Array(items) => items
            .iter()
            .filter(|item| item.is_object())
            .find_map(denial),
        Value::Object(fields) => in_object(fields, 2),
        _ => None,
    }
}

/// Whether an error stands in this field.
pub(super) fn is_error(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(
            text.trim().to_lowercase().as_str(),
            "" | "0" | "false" | "no" | "no error" | "none" | "null" | "ok" | "success"
        ),
        Value::Array(items) => items.iter().any(is_error),
        Value::Object(fields) => fields.values().any(is_error),
    }
}

fn in_object(fields: &Map<String, Value>, levels: u8) -> Option<String> {
    let get = |name: &str| {
        let mut found = fields.iter();
        found.find_map(|(key, value)| is_named(key, name).then_some(value))
    };
    let field = |names: &[&str]| names.iter().find_map(|name| get(name));
    let text = || {
        let names = ["message", "msg", "detail", "reason", "description"];
        names.iter().find_map(|name| get(name)?.as_str())
    };
    let told = |what: String| text().map_or(what, str::to_owned);

    for name in ERROR {
        if let Some(error) = get(name).filter(|error| is_error(error)) {
            let own = words_of(error);
            return Some(own.unwrap_or_else(|| told(format!("{name}: {error}"))));
        }
    }
    let mut agrees = false;
    for name in DONE {
        let Some(value) = get(name) else { continue };
        match truth(value) {
            Says::No => return Some(told(format!("{name}: {value}"))),
            Says::Yes => agrees = true,
            Says::Neither => {}
        }
    }
    if let Some(code) = get("code").filter(|code| status_says(code) == Says::No) {
        return Some(told(format!("code: {code}")));
    }
    if let Some(status) = field(&["status", "statuscode"]) {
        match status_says(status) {
            Says::No => return Some(told(format!("status: {status}"))),
            Says::Yes => agrees = true,
            Says::Neither => {}
        }
    }
    if levels > 0 {
        for name in INSIDE {
            match get(name) {
                Some(Value::Object(inner)) => {
                    if let Some(no) = in_object(inner, levels - 1) {
                        return Some(no);
                    }
                }
                Some(Value::Array(items)) => {
                    let objects = items.iter().filter_map(Value::as_object);
                    let mut said = objects.map(|item| in_object(item, levels - 1));
                    if let Some(no) = said.find_map(|no| no) {
                        return Some(no);
                    }
                }
                Some(Value::Bool(false)) => return Some(told(format!("{name}: false"))),
                Some(Value::String(text)) if says(text) == Says::No => return Some(text.clone()),
                _ => {}
            }
        }
    }
    if agrees {
        return None;
    }
    // By convention a refusal stands in `detail`; the others carry messages of either kind.
    if let Some(detail) = get("detail").filter(|detail| is_error(detail)) {
        let words = words_of(detail).unwrap_or_else(|| detail.to_string());
        if says(&words) != Says::Yes {
            return Some(words);
        }
    }
    let message = field(&["message", "msg"]).and_then(Value::as_str)?;
    (says(message) == Says::No).then(|| message.to_owned())
}

/// Whether a field has this name, which is given in lower case and without separators.
fn is_named(key: &str, name: &str) -> bool {
    let letters = key.chars().filter(|c| !matches!(c, '_' | '-'));
    letters.map(|c| c.to_ascii_lowercase()).eq(name.chars())
}

/// What a text says: one word of "no" outweighs all words of "yes".
fn says(text: &str) -> Says {
    let text = text.to_lowercase().replace(['\'', '’'], "");
    // An address may contain any of the words.
    let words = text.split_whitespace().filter(|word| !word.contains('@'));
    let mut words = words
        .flat_map(|word| word.split(|c: char| !c.is_alphanumeric()))
        .peekable();
    let mut said = Says::Neither;
    while let Some(word) = words.next() {
        let of_nothing = |next: &&str| matches!(*next, "content" | "error" | "errors");
        if word == "no" && words.next_if(of_nothing).is_some() {
            continue;
        }
        if NO.contains(&word) {
            return Says::No;
        }
        if YES.contains(&word) {
            said = Says::Yes;
        }
    }
    said
}

/// What a field that is true or false says, however that is written.
fn truth(value: &Value) -> Says {
    match value {
        Value::Bool(true) => Says::Yes,
        Value::Bool(false) => Says::No,
        Value::Number(number) if number.as_f64() == Some(0.0) => Says::No,
        Value::String(text) if matches!(text.trim(), "false" | "False" | "0" | "no") => Says::No,
        Value::String(text) if matches!(text.trim(), "true" | "True" | "1" | "yes") => Says::Yes,
        _ => Says::Neither,
    }
}

fn status_says(value: &Value) -> Says {
    let of_number = |number: Option<u64>| match number {
        Some(200..300) => Says::Yes,
        Some(400..600) => Says::No,
        _ => Says::Neither,
    };
    match value {
        Value::Number(number) => of_number(number.as_u64()),
        Value::String(text) => match text.trim().parse() {
            Ok(number) => of_number(Some(number)),
            Err(_) => says(text),
        },
        other => truth(other),
    }
}

/// The first text in an error, however deep.
fn words_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(items) => items.iter().find_map(words_of),
        Value::Object(fields) => ["message", "msg", "detail", "reason", "description"]
            .iter()
            .find_map(|name| words_of(fields.get(*name)?))
            .or_else(|| fields.values().find_map(words_of)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(json: &str) -> Option<String> {
        denial(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_document_that_says_no_is_none_of_a_yes() {
        for (json, said) in [
            (r#"{"error": "no such contract"}"#, "no such contract"),
            (r#"{"error": {"code": 7, "message": "quota"}}"#, "quota"),
            (r#"{"error": true, "message": "try later"}"#, "try later"),
            (r#"{"error": true}"#, "error: true"),
            (r#"{"errors": ["a", "b"]}"#, "a"),
            (
                r#"{"errors": [{"loc": ["x"], "msg": "missing"}]}"#,
                "missing",
            ),
            (r#"{"success": false}"#, "success: false"),
            (r#"{"success": false, "message": "deleted"}"#, "deleted"),
            (r#"{"success": "false"}"#, "success: \"false\""),
            (r#"{"ok": false, "msg": "nope"}"#, "nope"),
            (r#"{"ok": 0}"#, "ok: 0"),
            (r#"{"Error": "no contract"}"#, "no contract"),
            (r#"{"err": "no contract"}"#, "no contract"),
            (r#"{"deleted": false}"#, "deleted: false"),
            (r#"{"errorCode": "E17"}"#, "E17"),
            (r#"{"error_message": "quota"}"#, "quota"),
            (r#"{"isError": true}"#, "iserror: true"),
            (r#"{"hasErrors": true, "message": "quota"}"#, "quota"),
            (r#"{"failed": 1}"#, "failed: 1"),
            (r#"{"failures": [{"reason": "quota"}]}"#, "quota"),
            (r#"{"result": false}"#, "result: false"),
            (r#"{"results": [{"ok": true}, {"ok": false}]}"#, "ok: false"),
            (r#"{"code": "403", "message": "key"}"#, "key"),
            (r#"{"code": "FORBIDDEN"}"#, "code: \"FORBIDDEN\""),
            (r#"{"code": 403, "message": "key"}"#, "key"),
            (r#"{"status": "error"}"#, "status: \"error\""),
            (r#"{"status": "failed", "reason": "busy"}"#, "busy"),
            (r#"{"status": 403, "detail": "key"}"#, "key"),
            (r#"{"detail": "not allowed"}"#, "not allowed"),
            (r#"{"detail": "the quota"}"#, "the quota"),
            (
                r#"{"detail": [{"msg": "field required"}]}"#,
                "field required",
            ),
            (
                r#"{"message": "User could not be added"}"#,
                "User could not be added",
            ),
            (r#"{"data": {"success": false}}"#, "success: false"),
            (r#"{"result": "failed"}"#, "failed"),
            (r#"{"success": true, "error": "half of it"}"#, "half of it"),
            (r#"[{"error": "x"}]"#, "x"),
            ("false", "false"),
            (r#""Error: wasn't deleted""#, "Error: wasn't deleted"),
        ] {
            assert_eq!(no(json).as_deref(), Some(said), "{json}");
        }
    }

    #[test]
    fn a_document_that_agrees_or_says_nothing_of_note_is_a_yes() {
        for json in [
            "null",
            "{}",
            "[]",
            "true",
            "7",
            r#""OK""#,
            r#"{"error": null}"#,
            r#"{"error": "", "errors": []}"#,
            r#"{"error": false, "errors": {}}"#,
            r#"{"error": 0}"#,
            r#"{"errors": [null, ""]}"#,
            r#"{"success": true}"#,
            r#"{"success": true, "detail": "see the log"}"#,
            r#"{"ok": true, "message": "not needed"}"#,
            r#"{"status": "ok", "detail": "1"}"#,
            r#"{"status": 200}"#,
            r#"{"code": 7, "deleted": 1, "added": "2026-06-01"}"#,
            r#"{"status": "active"}"#,
            r#"{"errorCode": 0, "isError": false, "failed": [], "error_count": 0}"#,
            r#"{"code": "200", "result": {"id": 7}}"#,
            r#"{"code": "NO_CONTENT", "message": "no errors"}"#,
            r#"{"code": "SUCCESS", "results": [{"ok": true}]}"#,
            r#"{"detail": "User removed from whitelist"}"#,
            r#"{"message": "jane@example.com"}"#,
            r#"{"message": "Deleted."}"#,
            r#"{"message": "no.one@failed.example is deleted"}"#,
            r#"{"name": "No Error", "email": "not@failed.example", "permissions": ["can_read"]}"#,
            r#"{"warning": "not for long"}"#,
        ] {
            assert_eq!(no(json), None, "{json}");
        }
    }

    #[test]
    fn a_short_text_that_says_so_is_a_yes() {
        for text in [
            "OK",
            "ok",
            "Success!",
            "deleted",
            "Done.",
            "User deleted",
            " OK\n",
        ] {
            assert!(is_yes(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "hello",
            "not deleted",
            "Error: OK",
            "wasn’t deleted",
            "broken",
            "404 page not found",
            &"ok ".repeat(40),
        ] {
            assert!(!is_yes(text.as_bytes()), "{text}");
        }
        assert!(!is_yes(b"ok \xff"));
    }
}
