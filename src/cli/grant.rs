//! `lapsed grant`: gives access at the provider and records it.

use clap::Args;

use super::exit::{Exit, Failure};
use super::giving::{self, AskedArgs, Form};
use super::{Common, output, recorded};
use crate::clock;
use crate::commands::import::Written;
use crate::commands::{self, Given, Request};
use crate::config::{Keys, Settings};
use crate::domain::Flags;
use crate::explain::words::Words;
use crate::store::{NewGrant, Same, Store};

/// What is granted.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything is checked before the first call. A call without an answer is settled by the next \
pass. Somebody who is a member already, or invited, is not invited again.

In a team, --permission edit or inspect comes with the membership: a member who lacks it gets \
it, and somebody who is invited gets it once a reading shows that the invite was accepted. It \
ends with the membership. --role is for a member and for a time: at its end the role is taken \
back, and the membership stays.

Permissions of a whitelist:
  can_read           always among them, and alone if none is named
  can_use_api
  can_use_whitelist
  can_delegate
Permissions of a team:
  edit
  inspect

WHEN is one of:
  2026-12-31            a date: its first moment as a start, its last as an end
  '2026-12-31 18:00'    a date with a time, 18:00:30 too, in the configured zone
  2026-12-31T18:00:00Z  a time with its offset from UTC (RFC 3339)
  today, tomorrow       a date; yesterday too
  90d, 12h, 6w          a span from now
  never                 without an end
Of a time that the clocks pass twice in autumn, the first one counts; one that they \
leave out in spring is as much later.

Examples:
  lapsed grant jane@example.com --target sentius:acme --end 2026-12-31 \\
      --permission can_read --permission can_use_api --owner it@example.com --reason 'audit'
  lapsed grant bob@example.com --target sapling:acme/Core --permission edit --end 90d
  lapsed grant bob@example.com --target sapling:acme/Core --role manager --end 14d")]
pub(super) struct GrantArgs {
    /// The person's address; a whitelist needs the exact one that they sign in with
    email: String,

    /// Where: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: String,

    /// Full name, which a whitelist asks for [default: as on record, else the address]
    #[arg(long)]
    name: Option<String>,

    /// What is allowed, once for each: see Permissions below
    #[arg(long = "permission", value_name = "P")]
    permissions: Vec<String>,

    /// A role for a time, for a member of a team: admin, manager, edit or inspect
    #[arg(long)]
    role: Option<String>,

    /// When access begins [default: now]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    start: Option<String>,

    /// When access ends [default: never]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    end: Option<String>,

    /// The address of the person who answers for this access
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,

    /// Why access is given, for lists and reports
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Record access that exists already, and call nobody
    #[arg(long)]
    record_only: bool,

    #[command(flatten)]
    asked: AskedArgs,
}

pub(super) async fn run(common: &Common, args: GrantArgs) -> Result<Exit, Failure> {
    let keys = match args.record_only {
        true => Keys::Leave,
        false => Keys::Read,
    };
    let (settings, store) = common.open(keys)?;
    let grant = args.grant(&settings)?;
    giving::twice("--start", args.start.as_deref(), &settings);
    giving::twice("--end", args.end.as_deref(), &settings);
    let words = Words::shown(&settings.timezone, clock::now());
    let given = match args.record_only {
        true => record(&settings, &store, grant, &args.asked, &words).await?,
        false => give(&settings, &store, grant, &args.asked).await?,
    };
    if args.asked.format == Form::Text {
        for one in given.iter().filter(|g| g.state.as_str() == "unchanged") {
            output::complain(&format!(
                "{} has this access already, {}; extend moves the end",
                one.email,
                words.until(one.end)
            ));
        }
    }
    let exit = giving::tell(&given, args.asked.format, &words)?;
    giving::outlasted(&store, &given, &words).await?;
    Ok(exit)
}

async fn record(
    settings: &Settings,
    store: &Store,
    grant: NewGrant,
    asked: &AskedArgs,
    words: &Words,
) -> Result<Vec<Given>, Failure> {
    let asked = asked.asked("grant");
    let given = commands::note(store, vec![grant], Same::Running, asked).await?;
    recorded::past_ends(&given, &[], settings, words);
    recorded::unseen_teams(store, &given).await?;
    Ok(given)
}

async fn give(
    settings: &Settings,
    store: &Store,
    grant: NewGrant,
    asked: &AskedArgs,
) -> Result<Vec<Given>, Failure> {
    let services = giving::connect(settings, store)?;
    let requests = asked.requests("grant", settings, &services, store);
    let lock = giving::lock(&requests).await?;
    let request = Request {
        grant,
        flags: Flags::default(),
    };
    requests
        .give(lock, vec![request], Same::Running)
        .await
        .map_err(giving::in_options)
}

impl GrantArgs {
    fn grant(&self, settings: &Settings) -> Result<NewGrant, Failure> {
        let text = |given: &Option<String>, option: &str| match given.as_deref().map(str::trim) {
            Some("") => Err(Failure::usage(format!(
                "{option}: it is empty; leave it out"
            ))),
            Some(text) => Ok(text.to_owned()),
            None => Ok(String::new()),
        };
        if self
            .permissions
            .iter()
            .any(|p| p.trim().is_empty() || p.contains(';'))
        {
            return Err(Failure::usage(
                "--permission: one permission each time, such as --permission can_read --permission can_use_api",
            ));
        }
        Written {
            email: &self.email,
            target: &self.target,
            name: &text(&self.name, "--name")?,
            permissions: &self.permissions.join(";"),
            role: &text(&self.role, "--role")?,
            start: &text(&self.start, "--start")?,
            end: &text(&self.end, "--end")?,
            owner: &text(&self.owner, "--owner")?,
            reason: &text(&self.reason, "--reason")?,
        }
        .check(settings, clock::now())
        .map_err(|fault| Failure::usage(giving::option(&fault)))
    }
}
