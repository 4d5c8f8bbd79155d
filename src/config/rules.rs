//! `[state]`, `[http]`, `[policy]`, `[guard]`, `[status]` and `[review]`, with their defaults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

use super::secrets::{Keys, Secrets};
use super::section::{Leaf, Read, Section};
use super::{GuardSettings, HttpSettings, StatusSettings, checks, secrets};
use crate::domain::{GuardPolicy, Policy, ReviewPolicy};

/// In hours.
const DAY: i64 = 24;

/// Shorter tokens could be guessed: wrong ones are not counted.
const SHORTEST_TOKEN: usize = 16;

/// Reads `[state]`: the database's path.
pub(super) fn state(root: &mut Section<'_>) -> PathBuf {
    let mut path = None;
    if let Some(mut section) = root.section("state") {
        path = section.read("path", checks::line);
        section.finish();
    }
    path.map_or_else(|| PathBuf::from("/var/lib/lapsed/lapsed.db"), PathBuf::from)
}

/// Reads `[http]`.
pub(super) fn http(root: &mut Section<'_>) -> HttpSettings {
    let mut http = HttpSettings {
        timeout: Duration::from_secs(30),
        concurrency: 8,
        requests_per_second: 10.0,
    };
    if let Some(mut section) = root.section("http") {
        put(&mut http.timeout, section.read("timeout", checks::timeout));
        let calls = section.read("concurrency", |leaf| checks::whole_in(leaf, 1, 256));
        put(
            &mut http.concurrency,
            calls.and_then(|n| usize::try_from(n).ok()),
        );
        // Slower than one call in three hours nothing would ever be read completely; faster than
        // this the pause between two calls comes near to the clock's grain.
        let rate = section.read("requests_per_second", |leaf| {
            checks::number_in(leaf, 0.0001, 100_000.0)
        });
        put(&mut http.requests_per_second, rate);
        section.finish();
    }
    http
}

/// Reads `[policy]`.
pub(super) fn policy(root: &mut Section<'_>) -> Policy {
    let mut policy = Policy {
        grace: SignedDuration::ZERO,
        invite_stale_after: SignedDuration::from_hours(14 * DAY),
        revoke_suppressed_invites: true,
        remove_returned: false,
    };
    if let Some(mut section) = root.section("policy") {
        put(&mut policy.grace, section.read("grace", checks::span));
        // Zero would take every invite back before anybody can have seen it.
        let stale = section.read("invite_stale_after", checks::positive_span);
        put(&mut policy.invite_stale_after, stale);
        let revoke = section.read("revoke_suppressed_invites", Leaf::switch);
        put(&mut policy.revoke_suppressed_invites, revoke);
        let words = [("report", false), ("remove", true)];
        let returned = section.read("returned", |leaf| checks::one_of(leaf, &words));
        put(&mut policy.remove_returned, returned);
        section.finish();
    }
    policy
}

/// Reads `[guard]`.
pub(super) fn guard(root: &mut Section<'_>) -> GuardSettings {
    let mut guard = GuardSettings {
        limits: GuardPolicy {
            max_removals: 100,
            max_removal_percent: 25.0,
            protected: Vec::new(),
            min_team_admins: 1,
        },
        max_clock_skew: SignedDuration::from_mins(5),
        observe_only: false,
    };
    if let Some(mut section) = root.section("guard") {
        put(
            &mut guard.limits.max_removals,
            section.read("max_removals", Leaf::whole),
        );
        let percent = section.read("max_removal_percent", |leaf| {
            checks::number_in(leaf, 0.0, 100.0)
        });
        put(&mut guard.limits.max_removal_percent, percent);
        put(
            &mut guard.limits.protected,
            section.read("protected", checks::patterns),
        );
        put(
            &mut guard.limits.min_team_admins,
            section.read("min_team_admins", Leaf::whole),
        );
        // Date headers have whole seconds: with zero, nothing could ever be removed. Above a day it
        // would be no check any more.
        let day = SignedDuration::from_hours(DAY);
        let skew = section.read("max_clock_skew", |leaf| checks::span_up_to(leaf, day));
        put(&mut guard.max_clock_skew, skew);
        let observes = section.read("observe_only", Leaf::switch);
        put(&mut guard.observe_only, observes);
        section.finish();
    }
    guard
}

/// Reads `[status]`.
pub(super) fn status(root: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<StatusSettings> {
    let mut section = root.section("status")?;
    let listen = section.require("listen", listen);
    let wants_token = secrets::TOKEN.any_in(&section);
    let token = if wants_token {
        secrets.secret(&mut section, &secrets::TOKEN)
    } else {
        secrets::TOKEN.mention(&mut section);
        None
    };
    if let Some(token) = &token
        && secrets.keys == Keys::Read
        && token.expose_secret().chars().count() < SHORTEST_TOKEN
    {
        section.wrong_here(format!(
            "the token has fewer than {SHORTEST_TOKEN} characters and could be guessed; make one with: openssl rand -hex 32"
        ));
    }
    if let Some(address) = listen.filter(|address| !address.ip().is_loopback())
        && !wants_token
    {
        section.wrong(
            "listen",
            format!(
                "{address} can be reached from outside, and the page names people; write a loopback address such as 127.0.0.1:{}, or add token_file",
                address.port()
            ),
        );
    }
    let public_url = section.read("public_url", checks::public_url);
    section.finish();
    Some(StatusSettings {
        listen: listen?,
        token,
        public_url,
    })
}

fn listen(leaf: Leaf) -> Read<SocketAddr> {
    let text = checks::line(leaf)?;
    text.parse().map_err(|_| {
        format!("{text:?} is not an address and a port; write one such as 127.0.0.1:9187")
    })
}

/// Reads `[review]`.
pub(super) fn review(root: &mut Section<'_>) -> Option<ReviewPolicy> {
    let mut section = root.section("review")?;
    let every = section.read("every", checks::positive_span);
    let words = [("keep", false), ("end", true)];
    let unanswered = section.read("unanswered", |leaf| checks::one_of(leaf, &words));
    section.finish();
    Some(ReviewPolicy {
        every: every.unwrap_or(SignedDuration::from_hours(90 * DAY)),
        unanswered_ends: unanswered.unwrap_or(false),
    })
}

/// Replaces a default by what was read.
fn put<T>(setting: &mut T, read: Option<T>) {
    if let Some(value) = read {
        *setting = value;
    }
}
