//! One row of the file: checks every field, and whether they fit together.

use jiff::Timestamp;

use super::Header;
use crate::config::Settings;
use crate::domain::{Edge, Email, Permission, Provider, Role, Target, When};
use crate::store::NewGrant;

pub(super) fn grant(
    (header, record, separator): (&Header, &csv::ByteRecord, u8),
    settings: &Settings,
    is_sourced: bool,
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
    let mut permissions = fields.get("permissions")?.to_owned();
    if separator == b';' {
        permissions = permissions.replace([',', ' '], ";");
    }
    let written = Written {
        email: fields.get("email")?,
        target: fields.get("target")?,
        name: fields.get("name")?,
        permissions: &permissions,
        role: fields.get("role")?,
        start: fields.get("start")?,
        end: fields.get("end")?,
        owner: fields.get("owner")?,
        reason: fields.get("reason")?,
    };
    let grant = written.check(settings, now)?;
    if is_sourced {
        fixed("start", written.start, grant.start, settings)?;
        fixed("end", written.end, grant.end, settings)?;
    }
    Ok(grant)
}

/// A file with a name is read again and again: what counts from today would be another time each day.
fn fixed(
    field: &str,
    text: &str,
    means: Option<Timestamp>,
    settings: &Settings,
) -> Result<(), String> {
    match means {
        Some(at) if When::counts_from_now(text) => Err(format!(
            "{field}: {text:?} counts from each import, so a file with --source takes dates; it would be {} now",
            at.to_zoned(settings.timezone.clone()).date()
        )),
        _ => Ok(()),
    }
}

/// A grant as a person wrote it, in a file or on the command line; what is empty was left out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written<'a> {
    pub(crate) email: &'a str,
    pub(crate) target: &'a str,
    pub(crate) name: &'a str,
    /// Joined by `;`.
    pub(crate) permissions: &'a str,
    pub(crate) role: &'a str,
    pub(crate) start: &'a str,
    pub(crate) end: &'a str,
    pub(crate) owner: &'a str,
    pub(crate) reason: &'a str,
}

impl Written<'_> {
    /// Checks every field, and whether they fit together; a fault begins with the field's name.
    pub(crate) fn check(self, settings: &Settings, now: Timestamp) -> Result<NewGrant, String> {
        self.is_one_line()?;
        let email = Email::parse(self.email).map_err(|e| format!("email: {e}"))?;
        let target: Target = self.target.parse().map_err(|e| format!("target: {e}"))?;
        known_account(&target, settings)?;
        let permissions = permissions(self.permissions, &target)?;
        let role = role(self.role, &target)?;
        if role.is_some() && !permissions.is_empty() {
            return Err(
                "permissions: a role is a flag for a time and has none; give the membership in a grant of its own, without a role"
                    .to_owned(),
            );
        }
        let start = match self.start {
            "" => None,
            text => Some(
                when("start", text, Edge::Start, settings, now)?
                    .ok_or_else(|| "start: \"never\" is no start".to_owned())?,
            ),
        };
        let end = match self.end {
            "" => None,
            text => when("end", text, Edge::End, settings, now)?,
        };
        if let (Some(start), Some(end)) = (start, end)
            && end <= start
        {
            return Err(format!(
                "end: {} is not after the start {}",
                self.end, self.start
            ));
        }
        let owner = match self.owner {
            "" => None,
            text => Some(Email::parse(text).map_err(|e| format!("owner: {e}"))?),
        };
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(NewGrant {
            email,
            target,
            name: text(self.name),
            permissions,
            role,
            // Access that is there already and ended before it was recorded began before it ended.
            start: start.or_else(|| end.filter(|end| *end <= now)),
            end,
            owner,
            reason: text(self.reason),
            as_written: [self.start, self.end]
                .map(|text| When::dated(text, now, &settings.timezone))
                .join("|"),
            source: None,
        })
    }

    fn is_one_line(&self) -> Result<(), String> {
        for (name, text) in [
            ("email", self.email),
            ("target", self.target),
            ("name", self.name),
            ("permissions", self.permissions),
            ("role", self.role),
            ("start", self.start),
            ("end", self.end),
            ("owner", self.owner),
            ("reason", self.reason),
        ] {
            if text.chars().any(char::is_control) {
                return Err(format!(
                    "{name}: a line break or another control character stands in it"
                ));
            }
        }
        Ok(())
    }
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
        Ok(text.trim())
    }
}

pub(crate) fn known_account(target: &Target, settings: &Settings) -> Result<(), String> {
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
    let provider = target.provider();
    if let Some(other) = permissions.iter().find(|p| p.provider() != provider) {
        let (place, other) = match provider {
            Provider::Sentius => ("a whitelist", format!("{} is of a team", other.as_str())),
            Provider::Sapling => ("a team", format!("{} is of a whitelist", other.as_str())),
        };
        return Err(format!(
            "permissions: {other}; {place} knows {}",
            Permission::words_of(provider)
        ));
    }
    match provider {
        Provider::Sapling => Ok(permissions),
        // Without permissions, the least that gives access.
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
            Err("role: a whitelist has no roles; leave it out".to_owned())
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
