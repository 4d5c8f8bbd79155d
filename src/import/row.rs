//! One row of the file: every field checked, and what does not fit together refused.

use jiff::Timestamp;

use super::Header;
use crate::config::Settings;
use crate::domain::{Edge, Email, Permission, Provider, Role, Target, When};
use crate::store::NewGrant;

pub(super) fn grant(
    header: &Header,
    record: &csv::ByteRecord,
    settings: &Settings,
    now: Timestamp,
) -> Result<NewGrant, String> {
    if record.len() != header.len() {
        let open = record.iter().any(|field| field.contains(&b'\n'));
        return Err(format!(
            "{} where the first line names {} columns{}",
            match record.len() {
                1 => "there is 1 field".to_owned(),
                fields => format!("there are {fields} fields"),
            },
            header.len(),
            if open { "; was a quote left open?" } else { "" }
        ));
    }
    let fields = Fields { header, record };
    let email = Email::parse(fields.get("email")?).map_err(|e| format!("email: {e}"))?;
    let target: Target = fields
        .get("target")?
        .parse()
        .map_err(|e| format!("target: {e}"))?;
    known_account(&target, settings)?;
    let permissions = permissions(fields.get("permissions")?, &target)?;
    let role = role(fields.get("role")?, &target)?;
    let (start_text, end_text) = (fields.get("start")?, fields.get("end")?);
    let start = match start_text {
        "" => None,
        text => Some(
            when("start", text, Edge::Start, settings, now)?
                .ok_or_else(|| "start: \"never\" is no start".to_owned())?,
        ),
    };
    let end = match end_text {
        "" => None,
        text => when("end", text, Edge::End, settings, now)?,
    };
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        return Err(format!(
            "end: {end_text} is not after the start {start_text}"
        ));
    }
    let owner = match fields.get("owner")? {
        "" => None,
        text => Some(Email::parse(text).map_err(|e| format!("owner: {e}"))?),
    };
    let text = |name| {
        fields
            .get(name)
            .map(|t| (!t.is_empty()).then(|| t.to_owned()))
    };
    Ok(NewGrant {
        email,
        target,
        name: text("name")?,
        permissions,
        role,
        // Access that is there already and ended before it was recorded began before it ended.
        start: start.or_else(|| end.filter(|end| *end <= now)),
        end,
        owner,
        reason: text("reason")?,
        as_written: format!("{start_text}|{end_text}"),
    })
}

struct Fields<'a> {
    header: &'a Header,
    record: &'a csv::ByteRecord,
}

impl<'a> Fields<'a> {
    /// A field's text without surrounding spaces; empty where the file has no such column.
    fn get(&self, name: &str) -> Result<&'a str, String> {
        let Some(place) = self.header.iter().position(|column| *column == name) else {
            return Ok("");
        };
        let bytes = self.record.get(place).unwrap_or_default();
        let text = std::str::from_utf8(bytes)
            .map_err(|_| format!("{name}: this is not UTF-8; save the file as UTF-8"))?;
        if text.chars().any(char::is_control) {
            return Err(format!(
                "{name}: a line break or another control character stands in the field"
            ));
        }
        Ok(text.trim())
    }
}

fn known_account(target: &Target, settings: &Settings) -> Result<(), String> {
    let names: Vec<&str> = match target.provider() {
        Provider::Sentius => settings.sentius.iter().map(|a| a.name.as_str()).collect(),
        Provider::Sapling => settings.sapling.iter().map(|a| a.name.as_str()).collect(),
    };
    if names.contains(&target.account()) {
        return Ok(());
    }
    let provider = target.provider();
    let known = if names.is_empty() {
        format!("no [[{provider}]] is configured")
    } else {
        format!("configured are {}", names.join(", "))
    };
    Err(format!(
        "target: there is no {provider} account named {:?}; {known}",
        target.account()
    ))
}

fn permissions(text: &str, target: &Target) -> Result<Vec<Permission>, String> {
    let mut permissions = text
        .split(';')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| {
            word.parse::<Permission>()
                .map_err(|e| format!("permissions: {e}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    permissions.sort_unstable();
    permissions.dedup();
    match target.provider() {
        Provider::Sapling if permissions.is_empty() => Ok(permissions),
        Provider::Sapling => Err(
            "permissions: a team knows none of these; leave the field empty, or use role"
                .to_owned(),
        ),
        // Nobody named any: the least that gives access.
        Provider::Sentius if permissions.is_empty() => Ok(vec![Permission::CanRead]),
        Provider::Sentius if permissions.contains(&Permission::CanRead) => Ok(permissions),
        Provider::Sentius => {
            Err("permissions: can_read is missing, and must always be among them".to_owned())
        }
    }
}

fn role(text: &str, target: &Target) -> Result<Option<Role>, String> {
    match text {
        "" => Ok(None),
        _ if target.provider() == Provider::Sentius => {
            Err("role: a whitelist has no roles; leave the field empty".to_owned())
        }
        text => text
            .parse()
            .map(Some)
            .map_err(|e: String| format!("role: {e}")),
    }
}

fn when(
    field: &str,
    text: &str,
    edge: Edge,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<Timestamp>, String> {
    When::parse(text, now, &settings.timezone, edge)
        .map(When::at)
        .map_err(|e| format!("{field}: {e}"))
}
