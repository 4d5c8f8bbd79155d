//! `[[sentius]]`, `[[sapling]]` and `[[sapling.team]]`.

use std::collections::HashSet;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::secrets::{API_KEY, Secrets};
use super::section::{Leaf, Read, Section};
use super::{SaplingAccount, SaplingAuth, SentiusAccount, TeamRule, checks};
use crate::domain::Target;

/// Reads every `[[sentius]]`, and notes all their names, also of those with mistakes elsewhere.
pub(super) fn sentius(
    root: &mut Section<'_>,
    secrets: &Secrets<'_>,
    names: &mut HashSet<String>,
) -> Vec<SentiusAccount> {
    let mut places = Vec::new();
    root.sections("sentius")
        .into_iter()
        .filter_map(|mut section| {
            let name = unique_name(&mut section, names);
            let base_url = section.require("base_url", checks::base_url);
            let api_key = secrets.secret(&mut section, &API_KEY);
            let place = Place::of(&name, &base_url, &api_key, &None);
            one_for_each_place(&section, "sentius", place, &mut places);
            section.finish();
            Some(SentiusAccount {
                name: name?,
                base_url: base_url?,
                api_key: api_key?,
            })
        })
        .collect()
}

/// Reads every `[[sapling]]`. `whitelists` are the names that `follow` may mean.
pub(super) fn sapling(
    root: &mut Section<'_>,
    secrets: &Secrets<'_>,
    whitelists: &HashSet<String>,
) -> Vec<SaplingAccount> {
    let mut names = HashSet::new();
    let mut places = Vec::new();
    root.sections("sapling")
        .into_iter()
        .filter_map(|mut section| {
            let name = unique_name(&mut section, &mut names);
            let base_url = section.require("base_url", checks::base_url);
            let api_key = secrets.secret(&mut section, &API_KEY);
            let words = [
                ("parameter", SaplingAuth::Parameter),
                ("bearer", SaplingAuth::Bearer),
            ];
            let auth = section.read("auth", |leaf| checks::one_of(leaf, &words));
            let organization_id = section.read("organization_id", checks::line);
            let self_email = section.read("self_email", checks::email);
            let account = name.as_deref().unwrap_or_default();
            let teams = teams(&mut section, account, whitelists);
            let place = Place::of(&name, &base_url, &api_key, &organization_id);
            one_for_each_place(&section, "sapling", place, &mut places);
            section.finish();
            Some(SaplingAccount {
                name: name?,
                base_url: base_url?,
                api_key: api_key?,
                auth: auth.unwrap_or(SaplingAuth::Parameter),
                organization_id,
                self_email,
                teams,
            })
        })
        .collect()
}

/// What an account is to its provider, and its name here.
struct Place {
    name: String,
    url: String,
    key: SecretString,
    organization: Option<String>,
}

impl Place {
    /// None where something is missing, or keys are not read.
    fn of(
        name: &Option<String>,
        url: &Option<Url>,
        key: &Option<SecretString>,
        organization: &Option<String>,
    ) -> Option<Self> {
        let key = key.as_ref().filter(|key| !key.expose_secret().is_empty())?;
        let mut url = url.clone()?;
        // With the root's dot it is the same host.
        let host = url.host_str().and_then(|host| host.strip_suffix('.'));
        if let Some(host) = host.map(str::to_owned) {
            url.set_host(Some(&host)).ok()?;
        }
        Some(Self {
            name: name.clone()?,
            url: url.as_str().trim_end_matches('/').to_owned(),
            key: key.clone(),
            organization: organization.clone(),
        })
    }

    /// Whether both are one account. One key may hold several organizations, where each is named.
    fn is(&self, other: &Self) -> bool {
        let are_apart = match (&self.organization, &other.organization) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        self.url == other.url && self.key.expose_secret() == other.key.expose_secret() && !are_apart
    }
}

/// Refuses a second name for one account: what is removed under one name would be taken from the
/// other, whose grants still give it.
fn one_for_each_place(
    section: &Section<'_>,
    provider: &str,
    place: Option<Place>,
    places: &mut Vec<Place>,
) {
    let Some(place) = place else { return };
    if let Some(same) = places.iter().find(|known| known.is(&place)) {
        let (first, second) = (&same.name, &place.name);
        section.wrong_here(format!(
            "{provider}:{first} and {provider}:{second} are the same account at the provider: they have the same base_url and the same key, so that a removal from one would end what the other gives; leave one out, or give it its own key"
        ));
    }
    places.push(place);
}

fn unique_name(section: &mut Section<'_>, names: &mut HashSet<String>) -> Option<String> {
    let name = section.require("name", checks::name)?;
    if !names.insert(name.clone()) {
        section.wrong(
            "name",
            format!("there are two of the name {name:?}; each needs its own"),
        );
    }
    Some(name)
}

fn teams(section: &mut Section<'_>, account: &str, whitelists: &HashSet<String>) -> Vec<TeamRule> {
    let mut seen = HashSet::new();
    section
        .sections("team")
        .into_iter()
        .filter_map(|mut section| {
            let is_bare = !section.has("max_age") && !section.has("follow");
            let team = team(&mut section);
            let max_age = section.read("max_age", checks::positive_span);
            let follow = section.read("follow", |leaf| follow(leaf, whitelists));
            section.any_of(&["max_age", "follow"]);
            if is_bare {
                section.wrong_here("the rule says nothing; give it max_age, follow or both");
            }
            if let Some(team) = &team
                && !seen.insert(team.clone())
            {
                section.wrong_here(format!(
                    "there are two rules for the team {team:?}; make them one"
                ));
            }
            section.finish();
            Some(TeamRule {
                team: Target::Sapling {
                    account: account.to_owned(),
                    team: team?,
                },
                max_age,
                follow,
            })
        })
        .collect()
}

/// The one of `name` and `id` that is there.
fn team(section: &mut Section<'_>) -> Option<String> {
    section.exactly_one(&["name", "id"]);
    if section.has("name") == section.has("id") {
        section.wrong_here("exactly one of name and id is needed to tell the team");
    }
    let name = section.read("name", checks::line);
    let id = section.read("id", checks::line);
    name.or(id)
}

fn follow(leaf: Leaf, whitelists: &HashSet<String>) -> Read<Target> {
    let target: Target = checks::line(leaf)?
        .parse()
        .map_err(|error| format!("{error}"))?;
    match &target {
        Target::Sentius { account } if whitelists.contains(account) => Ok(target),
        Target::Sentius { account } => {
            let mut known: Vec<&str> = whitelists.iter().map(String::as_str).collect();
            known.sort_unstable();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            Err(format!(
                "there is no [[sentius]] of the name {account:?}; known: {known}"
            ))
        }
        _ => Err("a team can follow a whitelist only; write sentius:ACCOUNT".to_owned()),
    }
}
