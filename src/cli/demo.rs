//! `lapsed demo`: the main job on sample data. Both providers and a mail server run inside the
//! process, behind real HTTP and SMTP on loopback.

mod stage;

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

use super::exit::{Exit, Failure};
use super::{output, run};
use crate::clock;
use crate::commands::{self, import};
use crate::config::Keys;
use crate::metrics::Metrics;
use crate::observe::{self, ReadOptions};
use crate::pass::{self, Options};
use crate::providers::accounts::Services;
use crate::report::{self, Format};
use crate::store::{Asked, Same, Store};
use stage::DemoStage;

/// How long before the demo the teams were read: long enough for an invite to become stale.
const LAST_LOOK: SignedDuration = SignedDuration::from_hours(20 * 24);

/// What the demo leaves.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lapsed demo --output report.html")]
pub(super) struct DemoArgs {
    /// Where the HTML report is written [default: a new file in the temporary folder]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(args: DemoArgs) -> Result<Exit, Failure> {
    let now = clock::now();
    let stage = DemoStage::set(now).await?;
    // Without the environment: overrides of a real configuration must not lead the demo to a real
    // database or provider.
    let settings = crate::config::load_with(&stage.config(), Keys::Read, [])
        .map_err(|error| Failure::usage(error.to_string()))?;
    let store = Store::open(&settings.database)?;
    heading("An organization, its whitelist and its teams")?;
    stage.describe()?;
    output::line("Both providers and a mail server run in this process, on loopback only.")?;

    let rows = import::read(&stage.grants(), &settings, now)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let grants = rows.len();
    let rows = rows.into_iter().map(|row| row.grant).collect();
    let asked = Asked {
        command: "import".to_owned(),
        by: "demo".to_owned(),
    };
    commands::note(&store, rows, Same::Ever, asked).await?;
    output::line(&format!(
        "{} recorded, as by `lapsed import grants.csv --record-only`.",
        output::count(grants, "grant")
    ))?;
    let services = Services::connect(&settings, &Metrics::default())?;
    earlier_look(&stage, &services, &store).await?;

    heading("What is due: lapsed --run-now --dry-run")?;
    let look = Options {
        dry_run: true,
        ..Options::default()
    };
    let planned = pass::run(&settings, &services, &store, &look).await?;
    output::line(&run::headline(&planned))?;
    run::actions(&planned.actions)?;

    heading("Doing it: lapsed --run-now")?;
    let before = stage.numbers();
    let act = Options {
        report: true,
        ..Options::default()
    };
    let outcome = pass::run(&settings, &services, &store, &act).await?;
    run::text(&outcome)?;

    heading("What changed at the providers")?;
    stage.compare(&before)?;

    heading("And once more: what is done stays done")?;
    let again = pass::run(&settings, &services, &store, &Options::default()).await?;
    output::line(&run::headline(&again))?;

    let verified = store
        .read(|db| crate::store::trail::verify(db, None))
        .await?;
    heading("The proof")?;
    if let crate::store::trail::Verified::Whole { head, .. } = verified {
        output::line(&format!(
            "The audit trail holds {} events, each chained to the one before; its head is\n{head}",
            head.seq
        ))?;
    }
    stage.mails()?;
    let path = leave_report(&settings, &store, args.output).await?;
    output::line(&format!("The report, to look at: {}", path.display()))?;
    Ok(Exit::Done)
}

fn heading(text: &str) -> Result<(), Failure> {
    output::line(&format!("\n== {text} ==\n"))?;
    Ok(())
}

/// Reads the teams as if some weeks ago, so that the invites have an age: providers give them no
/// date.
async fn earlier_look(
    stage: &DemoStage,
    services: &Services,
    store: &Store,
) -> Result<(), Failure> {
    let newer = stage.without_newer_invites();
    let then = clock::now()
        .checked_sub(LAST_LOOK)
        .unwrap_or_else(|_| clock::now());
    let options = ReadOptions {
        counts: true,
        ..ReadOptions::aside("earlier", then)
    };
    observe::all(services, store, options).await?;
    stage.with_invites(newer);
    Ok(())
}

async fn leave_report(
    settings: &crate::config::Settings,
    store: &Store,
    wanted: Option<PathBuf>,
) -> Result<PathBuf, Failure> {
    let summary = pass::summarize(settings, store, None, None, clock::now(), false).await?;
    let html = report::render(&summary, Format::Html)
        .map_err(|error| Failure::could_not_run(error.into()))?;
    let path = match wanted {
        Some(path) => path,
        None => tempfile::Builder::new()
            .prefix("lapsed-demo-")
            .suffix(".html")
            .tempfile()?
            .into_temp_path()
            .keep()
            .map_err(|error| Failure::from(error.error))?,
    };
    output::file(&path, &html)?;
    Ok(path)
}
