//! The form of an event's payload: its keys in their order, and what each of them holds.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A payload of each form that there is, as the program has written it: a kind and the payload a line.
const PAYLOADS: &str = include_str!("../../../src/domain/event/payloads.txt");

/// What stands in a payload, without its values. JSON with its keys in their order, since the trail's
/// hash covers them so.
#[derive(Debug, Clone, PartialEq)]
enum Form {
    /// May stand for anything.
    Null,
    Flag,
    Number,
    Text,
    Moment,
    List(Vec<Form>),
    Map(Vec<(String, Form)>),
}

impl Form {
    fn of(kind: &str, payload: &str) -> Self {
        let mut form = serde_json::from_str(payload).unwrap();
        if let Self::Map(pairs) = &mut form {
            match kind.starts_with("rows.") {
                // What a row holds is its table's.
                true => pairs.iter_mut().for_each(|(_, rows)| rows.forget_values()),
                // Any event may tell of rows, behind all else.
                false => pairs.retain(|(key, _)| key != "rows"),
            }
        }
        form
    }

    fn forget_values(&mut self) {
        if let Self::List(rows) = self {
            for row in rows {
                if let Self::Map(pairs) = row {
                    let values = pairs.iter_mut().filter(|(key, _)| key != "table");
                    values.for_each(|(_, value)| *value = Self::Null);
                }
            }
        }
    }

    /// Whether it has the same keys in the same order, with values of the same kind. Some payloads leave
    /// out what is empty or not so.
    fn is_as(&self, other: &Self, leaves_out: bool) -> bool {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => true,
            (Self::List(here), Self::List(there)) => {
                let is_known = |h: &Self| there.iter().any(|t| h.is_as(t, leaves_out));
                there.is_empty() || here.iter().all(is_known)
            }
            (Self::Map(here), Self::Map(there)) => {
                let mut here = here.iter().peekable();
                let fits = there.iter().all(|(key, t)| {
                    let h = here.next_if(|(own, _)| own == key);
                    match h {
                        Some((_, h)) => h.is_as(t, leaves_out),
                        None => leaves_out && matches!(t, Self::List(_) | Self::Flag),
                    }
                });
                fits && here.next().is_none()
            }
            _ => self == other,
        }
    }
}

/// The forms that there are, by kind.
pub(crate) struct Forms(BTreeMap<&'static str, Vec<Form>>);

impl Forms {
    pub(crate) fn on_record() -> Self {
        let mut forms: BTreeMap<&str, Vec<Form>> = BTreeMap::new();
        for (kind, payload) in PAYLOADS.lines().map(|line| line.split_once(' ').unwrap()) {
            let of_kind = forms.entry(kind).or_default();
            of_kind.push(Form::of(kind, payload));
        }
        Self(forms)
    }

    /// Whether a payload has one of them.
    pub(crate) fn has(&self, kind: &str, payload: &str) -> bool {
        let leaves_out = kind == "team.observed" || kind == "provision.intent";
        let form = Form::of(kind, payload);
        let mut known = self.0.get(kind).into_iter().flatten();
        known.any(|known| form.is_as(known, leaves_out))
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reads)
    }
}

struct Reads;

impl<'de> Visitor<'de> for Reads {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Form, E> {
        Ok(Form::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Form, E> {
        Ok(Form::Flag)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Form, E> {
        Ok(Form::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Form, E> {
        Ok(Form::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Form, E> {
        Ok(match text.parse::<jiff::Timestamp>() {
            Ok(_) => Form::Moment,
            Err(_) => Form::Text,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Form, A::Error> {
        let mut forms = Vec::new();
        while let Some(form) = list.next_element()? {
            forms.push(form);
        }
        Ok(Form::List(forms))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Form::Map(pairs))
    }
}
