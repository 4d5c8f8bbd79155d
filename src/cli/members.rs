//! `lapsed members`: who is or was in which team, and whether a grant covers them.

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::list::known_target;
use super::output::{self, Table, Tone};
use super::{Common, moment};
use crate::clock;
use crate::config::{SaplingAccount, Settings};
use crate::domain::{Email, Permission, Provider, Target};
use crate::explain::words::Words;
use crate::store::{Listing, MemberFilter, MemberRow, Store};
use crate::text::one_line;

/// Which members.
#[derive(Debug, Args)]
#[command(after_help = "\
On a narrow terminal LAST SEEN, SINCE and FLAGS are left out, in this order, and a line below says so.

Members without a grant are put on record with:
  lapsed members --uncovered --format import > members.csv
  lapsed import members.csv --record-only

Example:
  lapsed members --target sapling:acme/Core --as-of 2026-06-30")]
pub(super) struct MembersArgs {
    /// Only of this team: sapling:ACCOUNT/TEAM
    #[arg(long)]
    target: Option<Target>,

    /// As it was then: a time, a date or yesterday (its last moment)
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    as_of: Option<String>,

    /// Only members that no grant covers, without the keys' holders
    #[arg(long)]
    uncovered: bool,

    /// The form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: MembersFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MembersFormat {
    /// For people
    Table,
    /// One array of objects
    Json,
    /// With a header
    Csv,
    /// A file for import --record-only
    Import,
}

pub(super) async fn run(common: &Common, args: MembersArgs) -> Result<Exit, Failure> {
    let (settings, store) = common.open_to_read()?;
    let as_of = moment("--as-of", args.as_of.as_deref(), &settings)?;
    let filter = MemberFilter {
        target: known_target(&store, args.target.as_ref()).await?,
        as_of,
        uncovered: args.uncovered,
        holders: settings.sapling.iter().filter_map(holder).collect(),
        grace: settings.policy.grace,
    };
    let now = clock::now();
    let (rows, unread) = store
        .read(move |db| {
            Ok((
                Listing::members(db, &filter, now)?,
                Listing::never_read(db, &filter)?,
            ))
        })
        .await?;
    let words = Words::shown(&settings.timezone, now);
    let whitelist = args
        .target
        .as_ref()
        .filter(|target| target.provider() == Provider::Sentius);
    match args.format {
        MembersFormat::Json => output::json(&rows)?,
        MembersFormat::Csv => csv(&rows)?,
        MembersFormat::Table => {
            table(&rows, &words)?;
            // "Nobody" is not the same as "not known".
            if !rows.is_empty() || (unread.is_empty() && whitelist.is_none()) {
                output::counted(rows.len(), "member", &words);
            }
        }
        MembersFormat::Import => as_import(&rows)?,
    }
    if let Some(target) = whitelist {
        output::complain(&one_line(&format!(
            "{target}: who is on it is not known: a whitelist cannot be listed; \
             lapsed list --target {target} shows its grants"
        )));
    }
    for team in unread {
        output::complain(&one_line(&format!(
            "{team}: who is in it is not known: it could not be read yet"
        )));
    }
    Ok(Exit::Done)
}

/// The key's holder of an account, where the configuration names them.
fn holder(account: &SaplingAccount) -> Option<(String, Email)> {
    let email = account.self_email.clone()?;
    Some((account.name.clone(), email))
}

/// The members as a file that `import` takes: access that is there since they joined. End and owner
/// are for a person to fill in.
fn as_import(rows: &[MemberRow]) -> Result<(), Failure> {
    let (taken, left) = importable(rows);
    output::raw_csv(&IMPORTED, taken.into_iter())?;
    for email in left {
        let text = format!("left out: {email} is no address that import takes");
        output::complain(&one_line(&text));
    }
    Ok(())
}

/// The columns of such a file.
const IMPORTED: [&str; 7] = [
    "email",
    "target",
    "permissions",
    "start",
    "end",
    "owner",
    "reason",
];

/// A row of such a file.
pub(super) type ImportRow = [String; IMPORTED.len()];

/// The rows that an import takes, and the addresses that it does not.
fn importable(rows: &[MemberRow]) -> (Vec<ImportRow>, Vec<String>) {
    let (taken, left): (Vec<&MemberRow>, Vec<&MemberRow>) = rows
        .iter()
        .partition(|row| Email::parse(&row.email).is_ok());
    let taken = taken.into_iter().map(|row| {
        let flags = [
            (row.edit_permission, "edit"),
            (row.inspect_permission, "inspect"),
        ];
        let permissions = flags.into_iter().filter(|(has, word)| {
            // Only what an import takes for a team.
            *has && word.parse::<Permission>().is_ok()
        });
        let permissions: Vec<&str> = permissions.map(|(_, word)| word).collect();
        [
            row.email.clone(),
            row.target.written(),
            permissions.join(";"),
            row.created_at.unwrap_or(row.first_seen).to_string(),
            String::new(),
            String::new(),
            String::new(),
        ]
    });
    let left = left.into_iter().map(|row| row.email.clone());
    (taken.collect(), left.collect())
}

/// The members that no grant covers, as rows of an import file, and the addresses that it cannot take.
pub(super) async fn uncovered(
    store: &Store,
    settings: &Settings,
) -> Result<(Vec<ImportRow>, Vec<String>), Failure> {
    let filter = MemberFilter {
        target: None,
        as_of: None,
        uncovered: true,
        holders: settings.sapling.iter().filter_map(holder).collect(),
        grace: settings.policy.grace,
    };
    let now = clock::now();
    let rows = store
        .read(move |db| Listing::members(db, &filter, now))
        .await?;
    Ok(importable(&rows))
}

/// A whole import file.
pub(super) fn import_file(rows: Vec<ImportRow>) -> Result<String, Failure> {
    output::csv_text(&IMPORTED, rows.into_iter())
}

fn table(rows: &[MemberRow], words: &Words) -> Result<(), Failure> {
    let heads = ["EMAIL", "TARGET", "COVERED", "FLAGS", "SINCE", "LAST SEEN"];
    let mut table = Table::new(&heads).gives_up(&["LAST SEEN", "SINCE", "FLAGS"]);
    for row in rows {
        let flags = [
            (row.is_admin, "admin"),
            (row.is_manager, "manager"),
            (row.edit_permission, "edit"),
            (row.inspect_permission, "inspect"),
        ];
        let flags: Vec<&str> = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
        let since = row.created_at.unwrap_or(row.first_seen);
        table.add([
            output::cell(&row.email),
            output::cell(&row.target.to_string()),
            match row.covered {
                true => output::cell("yes").toned(Tone::Good),
                false => output::cell("no").toned(Tone::Waiting),
            },
            output::cell(&flags.join(" ")),
            output::cell(&words.moment(since)),
            output::cell(&words.moment(row.last_seen)),
        ]);
    }
    Ok(output::show(&table, "--format csv")?)
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
