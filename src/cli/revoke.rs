//! `lapsed revoke`: ends access now and removes it at once.

use clap::Args;

use super::consent::{self, YesArgs};
use super::exit::{Exit, Failure};
use super::giving::{self, AskedArgs, Form};
use super::{Common, output, run};
use crate::clock;
use crate::commands::{Foreseen, Requests, Revocation, Revoked, WouldEnd};
use crate::config::Keys;
use crate::domain::{ActionResult, ActionState, Email, Target, TargetRef};
use crate::explain::words::Words;
use crate::store::Held;
use crate::text::{one_line, short_run};

/// Whose access ends, and where.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --target, access ends everywhere: all grants, every team where the person is a member or \
invited, and each whitelist. An address that lapsed has never seen is refused, since it is \
probably a typing error; --unlisted removes it from the whitelists all the same. The guard \
applies: protected people, the key's holder and a team's last admin are never removed, and what \
passes a limit is held. Where only a role was granted, the role ends and the membership stays, \
unless access ends everywhere.

On a terminal it shows where access would end and asks, if that is more than one target; without \
a yes nothing is changed (exit 2). A script is asked nothing.

Examples:
  lapsed revoke jane@example.com --dry-run
  lapsed revoke jane@example.com
  lapsed revoke bob@example.com --target sapling:acme/Core")]
pub(super) struct RevokeArgs {
    /// The person's address
    email: String,

    /// Only at this target: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Option<Target>,

    /// Show what would end; providers are only read, and nothing is changed
    #[arg(long)]
    dry_run: bool,

    /// Call the whitelists for this address even if nothing is known about it
    #[arg(long)]
    unlisted: bool,

    #[command(flatten)]
    yes: YesArgs,

    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(common: &Common, args: RevokeArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open(Keys::Read)?;
    let email = match giving::person(&store, &args.email).await {
        // As it was typed: a whitelist matches text exactly.
        Err(_) if args.unlisted && !args.email.trim().is_empty() => Email::observed(&args.email),
        email => email?,
    };
    if let Some(target) = &args.target {
        crate::commands::import::known_account(target, &settings)
            .map_err(|fault| Failure::usage(giving::option(&fault)))?;
    }
    let services = giving::connect(&settings, &store)?;
    let requests = args.asked.requests("revoke", &settings, &services, &store);
    let what = Revocation {
        email,
        target: args.target,
        unlisted: args.unlisted,
    };
    let words = Words::shown(&settings.timezone, clock::now());
    if args.dry_run {
        let foreseen = requests.foresee(what, giving::waiting).await;
        let foreseen = foreseen.map_err(giving::in_options)?;
        return would_end(&foreseen, args.asked.format, &words);
    }
    if args.yes.can_ask() && what.target.is_none() {
        confirm(&requests, &what, &words).await?;
    }
    let revoked = requests
        .revoke(what, giving::waiting)
        .await
        .map_err(giving::in_options)?;
    if args.asked.format == Form::Json {
        output::if_read(output::json(&revoked))?;
    } else {
        text(&revoked, &words)?;
    }
    Ok(revoked.outcome.into())
}

/// Shows where access would end, and asks if that is more than one target. Who is on no record is
/// looked for first.
async fn confirm(requests: &Requests<'_>, what: &Revocation, words: &Words) -> Result<(), Failure> {
    let places = match requests.foresee_on_record(what).await? {
        Some(places) => places,
        None => {
            let foreseen = requests.foresee(what.clone(), giving::waiting).await;
            foreseen.map_err(giving::in_options)?.targets
        }
    };
    if places.len() < 2 {
        return Ok(());
    }
    let lines: Vec<String> = places.iter().map(|place| line(place, words)).collect();
    let places = output::count(places.len(), "target");
    consent::show(&format!("{} loses access to {places}:", what.email), &lines);
    consent::ask("End it everywhere?")
}

/// What would end at a target, and until when it would have lasted.
fn line(place: &WouldEnd, words: &Words) -> String {
    if place.is_unseen {
        return format!(
            "{}: nothing is on record; the address is taken off all the same",
            place.target
        );
    }
    let what: Vec<&str> = place.what.iter().map(|held| held.as_str()).collect();
    let until = match place.until {
        Some(end) => words.until(end.at()),
        None if place.what.contains(&Held::Grant) => "whose end has passed".to_owned(),
        None => "without a grant".to_owned(),
    };
    format!("{}: {}, {until}", place.target, what.join(", "))
}

fn text(revoked: &Revoked, words: &Words) -> Result<(), Failure> {
    let email = &revoked.email;
    let kept = |place: &TargetRef| {
        let mut actions = revoked.actions.iter().filter(|a| a.target == *place);
        let is_kept = |a: &&ActionResult| a.state == ActionState::Protected;
        let why = actions.find(is_kept)?.detail.as_deref();
        Some(format!("{place}: {}", why.unwrap_or("it is protected")))
    };
    let named = |places: &mut dyn Iterator<Item = &TargetRef>| {
        let names: Vec<String> = places.map(ToString::to_string).collect();
        names.join(", ")
    };
    let is_known = |place: &&TargetRef| !revoked.unseen.contains(place) && kept(place).is_none();
    let ended = named(&mut revoked.targets.iter().filter(is_known));
    let called = named(&mut revoked.unseen.iter().filter(|place| kept(place).is_none()));
    let kept: Vec<String> = revoked.targets.iter().filter_map(kept).collect();
    let outcome = revoked.outcome.as_str();
    let first = match &revoked.run {
        _ if revoked.targets.is_empty() => {
            format!("{email} has no grant on record there, and is in no team that was read")
        }
        None if ended.is_empty() => {
            format!("{email} is taken off {called} by the next pass; nothing was on record there")
        }
        None => {
            format!("{email} is ended on record in {ended}; the next pass removes the access")
        }
        Some(run) if !ended.is_empty() => {
            format!(
                "run {}: {email} ended in {ended} ({outcome})",
                short_run(run)
            )
        }
        Some(run) if kept.is_empty() => {
            format!(
                "run {}: {email} was on no record in {called} ({outcome})",
                short_run(run)
            )
        }
        Some(run) => format!("run {}: {email} was not ended ({outcome})", short_run(run)),
    };
    output::if_read(output::line(&one_line(&first)))?;
    if revoked.run.is_some() {
        if !ended.is_empty() && !called.is_empty() {
            let called = format!("called as well, with nothing on record there: {called}");
            output::if_read(output::line(&one_line(&called)))?;
        }
        for kept in kept {
            let kept = format!("not ended in {kept}");
            output::if_read(output::line(&one_line(&kept)))?;
        }
    }
    output::if_read(run::actions(&revoked.actions, words))?;
    if let Some(run) = &revoked.run {
        output::if_read(run::to_approve(run, &revoked.actions))?;
    }
    Ok(output::if_read(run::errors(&revoked.errors, words))?)
}

/// What a dry run shows; exit 3 when something could not be looked at.
fn would_end(foreseen: &Foreseen, form: Form, words: &Words) -> Result<Exit, Failure> {
    if form == Form::Json {
        output::if_read(output::json(foreseen))?;
    } else {
        let mut lines = vec![format!("dry run: of {} would end:", foreseen.email)];
        if foreseen.targets.is_empty() {
            lines = vec![format!("dry run: {} has nothing there", foreseen.email)];
        }
        lines.extend(foreseen.targets.iter().map(|place| line(place, words)));
        for line in lines {
            output::if_read(output::line(&one_line(&line)))?;
        }
        output::if_read(run::errors(&foreseen.errors, words))?;
    }
    Ok(match foreseen.errors.is_empty() {
        true => Exit::Done,
        false => Exit::Incomplete,
    })
}
