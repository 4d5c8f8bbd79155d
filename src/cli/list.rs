//! `lapsed list`: grants, now or as they were.

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::{Common, RowFormat, moment, output};
use crate::clock;
use crate::domain::{GrantState, Target, TargetId};
use crate::store::{GrantFilter, GrantRow, Listing, Store, Targets};

/// Which grants.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  lapsed list --target sapling:acme/Core --state active --format csv"
)]
pub(super) struct ListArgs {
    /// Only of this target: sentius:ACCOUNT or sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Option<Target>,

    /// Only in this state
    #[arg(long, default_value = "all")]
    state: StateArg,

    /// Only those that end within this span, such as 30d
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    ending_within: Option<String>,

    /// As it was then: a time, a date or yesterday (its last moment)
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    as_of: Option<String>,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: RowFormat,
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
    let rows = store
        .read(move |db| Listing::grants(db, &filter, now))
        .await?;
    match args.format {
        RowFormat::Json => output::json(&rows)?,
        RowFormat::Csv => csv(&rows)?,
        RowFormat::Table => table(&rows)?,
    }
    Ok(Exit::Done)
}

/// The target that an option names; naming one that is not on record is a mistake worth telling.
pub(super) async fn known_target(
    store: &Store,
    target: Option<&Target>,
) -> Result<Option<TargetId>, Failure> {
    let Some(target) = target.cloned() else {
        return Ok(None);
    };
    let wanted = target.clone();
    let (found, namesakes) = store
        .read(move |db| {
            Ok((
                Targets::on_record(db, &wanted)?,
                Targets::namesakes(db, &wanted)?,
            ))
        })
        .await?;
    match (found, namesakes) {
        (Some(found), _) => Ok(Some(found.id())),
        (None, Some(namesakes)) => Err(Failure::usage(format!("--target: {namesakes}"))),
        (None, None) => Err(Failure::usage(format!(
            "--target: {target} is not on record: no grant names it and no pass has seen it"
        ))),
    }
}

fn table(rows: &[GrantRow]) -> Result<(), Failure> {
    let mut table = output::table(&[
        "EMAIL", "TARGET", "STATE", "START", "END", "ROLE", "OWNER", "REASON",
    ]);
    for row in rows {
        table.add_row([
            output::cell(&row.email),
            output::cell(&row.target.to_string()),
            output::cell(row.state.as_str()),
            output::cell(&row.start.to_string()),
            output::cell(
                &row.end
                    .map_or_else(|| "never".to_owned(), |end| end.to_string()),
            ),
            output::cell(row.role.as_deref().unwrap_or_default()),
            output::cell(row.owner.as_deref().unwrap_or_default()),
            output::cell(row.reason.as_deref().unwrap_or_default()),
        ]);
    }
    if !rows.is_empty() {
        output::show(&table)?;
    }
    output::complain(&output::count(rows.len(), "grant"));
    Ok(())
}

fn csv(rows: &[GrantRow]) -> Result<(), Failure> {
    let time = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    output::csv(
        &[
            "email",
            "target",
            "name",
            "permissions",
            "role",
            "start",
            "end",
            "owner",
            "reason",
            "state",
            "removed_at",
        ],
        rows.iter().map(|row| {
            [
                row.email.clone(),
                row.target.to_string(),
                row.name.clone().unwrap_or_default(),
                row.permissions.join(";"),
                row.role.clone().unwrap_or_default(),
                row.start.to_string(),
                time(row.end),
                row.owner.clone().unwrap_or_default(),
                row.reason.clone().unwrap_or_default(),
                row.state.as_str().to_owned(),
                time(row.removed_at),
            ]
        }),
    )
}
