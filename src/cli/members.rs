//! `lapsed members`: who is or was in which team, and whether a grant covers them.

use clap::Args;

use super::exit::{Exit, Failure};
use super::list::known_target;
use super::{Common, RowFormat, moment, output};
use crate::clock;
use crate::config::Keys;
use crate::domain::Target;
use crate::store::{Listing, MemberFilter, MemberRow};

/// Which members.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lapsed members --target sapling:acme/Core --as-of 2026-06-30")]
pub(super) struct MembersArgs {
    /// Only of this team: sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Option<Target>,

    /// As it was then: a time or a date
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    as_of: Option<String>,

    /// How rows are shown
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: RowFormat,
}

pub(super) async fn run(common: &Common, args: MembersArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open(Keys::Leave)?;
    let as_of = moment("--as-of", args.as_of.as_deref(), &settings)?;
    let filter = MemberFilter {
        target: known_target(&store, args.target.as_ref()).await?,
        as_of,
    };
    let now = clock::now();
    let rows = store
        .read(move |db| Listing::members(db, &filter, now))
        .await?;
    match args.format {
        RowFormat::Json => output::json(&rows)?,
        RowFormat::Csv => csv(&rows)?,
        RowFormat::Table => table(&rows)?,
    }
    Ok(Exit::Done)
}

fn table(rows: &[MemberRow]) -> Result<(), Failure> {
    let mut table = output::table(&["EMAIL", "TARGET", "COVERED", "FLAGS", "SINCE", "LAST SEEN"]);
    for row in rows {
        let flags = [
            (row.is_admin, "admin"),
            (row.is_manager, "manager"),
            (row.edit_permission, "edit"),
            (row.inspect_permission, "inspect"),
        ];
        let flags: Vec<&str> = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
        let since = row.created_at.unwrap_or(row.first_seen);
        table.add_row([
            output::cell(&row.email),
            output::cell(&row.target.to_string()),
            output::cell(if row.covered { "yes" } else { "no" }),
            output::cell(&flags.join(" ")),
            output::cell(&since.to_string()),
            output::cell(&row.last_seen.to_string()),
        ]);
    }
    if !rows.is_empty() {
        output::show(&table)?;
    }
    output::complain(&output::count(rows.len(), "member"));
    Ok(())
}

fn csv(rows: &[MemberRow]) -> Result<(), Failure> {
    output::csv(
        &[
            "email",
            "target",
            "is_admin",
            "is_manager",
            "edit_permission",
            "inspect_permission",
            "created_at",
            "first_seen",
            "last_seen",
            "covered",
        ],
        rows.iter().map(|row| {
            [
                row.email.clone(),
                row.target.to_string(),
                row.is_admin.to_string(),
                row.is_manager.to_string(),
                row.edit_permission.to_string(),
                row.inspect_permission.to_string(),
                row.created_at.map(|at| at.to_string()).unwrap_or_default(),
                row.first_seen.to_string(),
                row.last_seen.to_string(),
                row.covered.to_string(),
            ]
        }),
    )
}
