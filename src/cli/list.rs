//! `lapsed list`: grants, now or as they were.

mod columns;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::{Common, RowFormat, moment, output};
use crate::clock;
use crate::domain::{Email, GrantState, Target, TargetId};
use crate::explain::words::Words;
use crate::store::queries::not_given::NotGiven;
use crate::store::{GrantFilter, GrantRow, Listing, Store, Targets};
use columns::Columns;
pub(super) use columns::KEYS;

/// Which grants.
#[derive(Debug, Args)]
#[command(after_help = "\
The table is sorted by end, the soonest first, and says \"not given\" of active grants whose access \
is yet to be given. On a terminal, columns without content are left out, and where the width is too \
small also START, REASON, OWNER and ROLE, in this order; a line below says so. If the others still do \
not fit, a target or state that all grants have in common is told once below the table, or each grant \
is shown in two or more lines. In a pipe each grant is one line with all columns.

Examples:
  lapsed list --target sapling:acme/Core --state active --format csv
  lapsed list --ending-within 30d --owner olga@example.com
  lapsed list --never-ends --columns email,target,owner,reason")]
pub(super) struct ListArgs {
    /// Only of this target: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Option<Target>,

    /// Only in this state
    #[arg(long, default_value = "all")]
    state: StateArg,

    /// Only those that this person answers for
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,

    /// Only those that end within this span, such as 30d
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    ending_within: Option<String>,

    /// Only those without an end
    #[arg(long, conflicts_with = "ending_within")]
    never_ends: bool,

    /// As it was then: a time, a date or yesterday (its last moment)
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    as_of: Option<String>,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: RowFormat,

    /// These columns, in this order, of a table or CSV: keys of the JSON, with commas between them
    #[arg(long, value_name = "KEYS")]
    columns: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateArg {
    Scheduled,
    Active,
    Ended,
    Removed,
    All,
}

pub(super) async fn run(common: &Common, args: ListArgs) -> Result<Exit, Failure> {
    let columns = Columns::asked(args.columns.as_deref(), args.format)?;
    let owner = args.owner.as_deref().map(owner).transpose()?;
    let (settings, store) = common.open_to_read()?;
    let now = clock::now();
    let as_of = moment("--as-of", args.as_of.as_deref(), &settings)?;
    let ending_until = match &args.ending_within {
        Some(text) => {
            let span = crate::domain::parse_span(text)
                .map_err(|error| Failure::usage(format!("--ending-within: {error}")))?;
            as_of.unwrap_or(now).checked_add(span).ok()
        }
        None => None,
    };
    let filter = GrantFilter {
        target: known_target(&store, args.target.as_ref()).await?,
        state: match args.state {
            StateArg::Scheduled => Some(GrantState::Scheduled),
            StateArg::Active => Some(GrantState::Active),
            StateArg::Ended => Some(GrantState::Ended),
            StateArg::Removed => Some(GrantState::Removed),
            StateArg::All => None,
        },
        ending_until,
        as_of,
    };
    let mut rows = store
        .read(move |db| Listing::grants(db, &filter, now))
        .await?;
    let is_owners = |row: &GrantRow, owner: &Email| {
        let of_row = row.owner.as_deref().map(Email::observed);
        of_row.as_ref() == Some(owner)
    };
    rows.retain(|row| {
        owner.as_ref().is_none_or(|owner| is_owners(row, owner))
            && !(args.never_ends && row.end.is_some())
    });
    match args.format {
        RowFormat::Json => output::json(&rows)?,
        RowFormat::Csv => columns.csv(&rows)?,
        RowFormat::Table => {
            let not_given = match as_of {
                Some(_) => NotGiven::default(),
                None => store.read(NotGiven::load).await?,
            };
            let words = Words::shown(&settings.timezone, now);
            table(&mut rows, &columns, &not_given, &words)?;
        }
    }
    Ok(Exit::Done)
}

/// Whoever stands on record as an owner can be asked for.
fn owner(text: &str) -> Result<Email, Failure> {
    match text.trim() {
        "" => Err(Failure::usage("--owner: the address is empty")),
        text => Ok(Email::observed(text)),
    }
}

/// The target that an option names; naming one that is not on record is a mistake worth telling.
pub(super) async fn known_target(
    store: &Store,
    target: Option<&Target>,
) -> Result<Option<TargetId>, Failure> {
    let Some(target) = target.cloned() else {
        return Ok(None);
    };
    let found = store.read(move |db| Targets::known(db, &target)).await?;
    let found = found.map_err(|why| Failure::usage(format!("--target: {why}")))?;
    Ok(Some(found.id()))
}

fn table(
    rows: &mut [GrantRow],
    columns: &Columns,
    not_given: &NotGiven,
    words: &Words,
) -> Result<(), Failure> {
    // Stable: grants that end together stay in the order of target and address.
    rows.sort_by_key(|row| (row.end.is_none(), row.end));
    output::show(&columns.table(rows, not_given, words), "--columns")?;
    output::counted(rows.len(), "grant", words);
    Ok(())
}
