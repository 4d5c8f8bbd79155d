//! `lapsed audit`: verifies the trail's hash chain and the tables by it, or prints it.

use std::io::{self, Write};

use clap::Subcommand;
use serde::Serialize;

use super::exit::{Exit, Failure};
use super::giving::Form;
use super::{Common, output};
use crate::store::StoreError;
use crate::store::trail::{self, Head, Unchecked, Verified};
use crate::text::one_line;

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Check that no event was changed, removed or put in between, and that grants, removals and what
    /// else the trail tells of are as it tells
    #[command(
        after_help = "Example:\n  lapsed audit verify --head 1841:6f0c…   the head that a report carried"
    )]
    Verify {
        /// A head that was noted earlier, as reports show it: COUNT:HASH; it must be part of the chain
        #[arg(long, value_name = "COUNT:HASH")]
        head: Option<Head>,

        /// The form of the output
        #[arg(long, value_name = "FORM", default_value = "text")]
        format: Form,
    },
    /// Print every event as one line of JSON
    #[command(after_help = "Example:\n  lapsed audit export > trail.jsonl")]
    Export,
}

/// What was found, for scripts.
#[derive(Debug, Default, Serialize)]
struct Found {
    whole: bool,
    events: Option<i64>,
    erased: Option<u64>,
    head: Option<String>,
    broken_at: Option<i64>,
    why: Option<String>,
    differences: Vec<String>,
    unchecked: Vec<String>,
}

/// What a person can do about a trail that does not verify.
const WHAT_TO_DO: &str = "compare it with the last backup and with the heads that reports carried (--head), \
                          and see \"When audit verify finds something\" in OPERATIONS.md";

pub(super) async fn run(common: &Common, command: AuditCommand) -> Result<Exit, Failure> {
    let (_, store) = common.open_to_read()?;
    match command {
        AuditCommand::Verify { head, format } => {
            let verified = store
                .read(move |db| trail::verify(db, head.as_ref()))
                .await?;
            let unconfirmed = store.looks_restored().await?;
            if let Some(why) = &unconfirmed {
                output::complain(&format!(
                    "it is not the trail that last acted here, or a person has yet to say so: {why}"
                ));
            }
            if format == Form::Json {
                let exit = for_scripts(&verified)?;
                return Ok(match (exit, unconfirmed) {
                    (Exit::Done, Some(_)) => Exit::Held,
                    (exit, _) => exit,
                });
            }
            match verified {
                Verified::Whole {
                    head,
                    erased,
                    unchecked,
                } => {
                    let erased = match erased {
                        0 => String::new(),
                        n => format!(", {n} with their data erased"),
                    };
                    output::line(&format!("whole: {} events{erased}; head {head}", head.seq))?;
                    tell_unchecked(&unchecked);
                    Ok(match unconfirmed {
                        Some(_) => Exit::Held,
                        None => Exit::Done,
                    })
                }
                Verified::Broken { seq, why } => Err(Failure::could_not_run(anyhow::anyhow!(
                    "the audit trail is broken at event {seq}: {}; {WHAT_TO_DO}",
                    one_line(&why)
                ))),
                Verified::Differs {
                    head,
                    differences,
                    count,
                } => Err(Failure::could_not_run(anyhow::anyhow!(
                    "the audit trail is whole up to {head}, and {count} of what it tells of {} otherwise in the database, \
                     changed by something else than lapsed: {}; {WHAT_TO_DO}",
                    if count == 1 { "is" } else { "are" },
                    listed(&differences, count)
                ))),
            }
        }
        AuditCommand::Export => {
            store
                .read(|db| {
                    let mut out = io::BufWriter::new(io::stdout().lock());
                    trail::export(db, |event| {
                        output::write_json(&mut out, event)
                            .and_then(|()| out.write_all(b"\n"))
                            .map_err(StoreError::Output)
                    })?;
                    out.flush().map_err(StoreError::Output)
                })
                .await?;
            Ok(Exit::Done)
        }
    }
}

/// The first differences, joined.
fn listed(named: &[String], count: usize) -> String {
    let more = match count.saturating_sub(named.len()) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    // Names and addresses may have come from anywhere.
    one_line(&format!("{}{more}", named.join("; ")))
}

fn tell_unchecked(unchecked: &Unchecked) {
    if unchecked.count > 0 {
        output::complain(&format!(
            "{} rows cannot be checked, since the data of events that may have told of them were erased: {}",
            unchecked.count,
            listed(&unchecked.rows, unchecked.count)
        ));
    }
}

fn for_scripts(verified: &Verified) -> Result<Exit, Failure> {
    let (found, exit) = match verified {
        Verified::Whole {
            head,
            erased,
            unchecked,
        } => {
            let found = Found {
                whole: true,
                events: Some(head.seq),
                erased: Some(*erased),
                head: Some(head.to_string()),
                unchecked: unchecked.rows.clone(),
                ..Found::default()
            };
            (found, Exit::Done)
        }
        Verified::Broken { seq, why } => {
            let found = Found {
                broken_at: Some(*seq),
                why: Some(why.clone()),
                ..Found::default()
            };
            (found, Exit::CouldNotRun)
        }
        Verified::Differs {
            head,
            differences,
            count,
        } => {
            let found = Found {
                events: Some(head.seq),
                head: Some(head.to_string()),
                why: Some(format!(
                    "the database differs from the trail in {count} places"
                )),
                differences: differences.clone(),
                ..Found::default()
            };
            (found, Exit::CouldNotRun)
        }
    };
    output::if_read(output::json(&found))?;
    Ok(exit)
}
