//! `lapsed demo`: the main job on sample data. Both providers and a mail server run inside the
//! process, behind real HTTP and SMTP on loopback.

mod stage;

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

use super::exit::{Exit, Failure};
use super::why::{self, WhyArgs};
use super::{output, run};
use crate::clock;
use crate::commands::{self, import};
use crate::config::{self, Keys};
use crate::daemon;
use crate::domain::{ActionResult, Reason};
use crate::explain::words::Words;
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
#[command(after_help = "Examples:\n  lapsed demo --output report.html\n  lapsed demo --stay")]
pub(super) struct DemoArgs {
    /// Where the HTML report is written [default: a new file in the temporary folder]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Stay until Ctrl-C: a daemon runs on the sample data and shows the page, and a second terminal
    /// can use its configuration
    #[arg(long)]
    stay: bool,
}

pub(super) async fn run(args: DemoArgs) -> Result<Exit, Failure> {
    let now = clock::now();
    let stage = DemoStage::set(now, args.stay).await?;
    // Without the environment: overrides of a real configuration must not lead the demo to a real
    // database or provider.
    let path = stage.config();
    let load = move || config::load_with(&path, Keys::Read, []).map_err(|e| e.to_string());
    let settings = load().map_err(Failure::usage)?;
    let store = Store::open(&settings.database)?;
    heading("An organization, its whitelist and its teams")?;
    stage.describe()?;
    output::paragraph("Both providers and a mail server run in this process, on loopback only.")?;

    let rows = import::read(&stage.grants(), &settings, false, now)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let grants = rows.len();
    let rows = rows.into_iter().map(|row| row.grant).collect();
    let asked = Asked {
        command: "import".to_owned(),
        by: "demo".to_owned(),
    };
    commands::note(&store, rows, Same::Ever, asked).await?;
    output::paragraph(&format!(
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
    output::line("Nothing was changed. What is planned is done next, and shown there.")?;

    heading("Doing it: lapsed --run-now")?;
    let before = stage.numbers();
    let words = Words::shown(&settings.timezone, clock::now());
    let act = Options {
        report: true,
        ..Options::default()
    };
    let outcome = pass::run(&settings, &services, &store, &act).await?;
    run::text(&outcome, &words)?;

    heading("What changed at the providers")?;
    stage.compare(&before)?;

    heading("And once more: what is done stays done")?;
    let again = pass::run(&settings, &services, &store, &Options::default()).await?;
    output::line(&run::headline(&again))?;

    let followed = |action: &&ActionResult| action.reason == Reason::WhitelistEnded;
    let person = outcome.actions.iter().find(followed);
    let person = person.map(|action| action.email.to_string());
    if let Some(email) = person.clone() {
        heading(&format!("One person: lapsed why {email}"))?;
        why::show(&settings, &store, WhyArgs::about(email)).await?;
    }
    heading("Is all well? lapsed status --no-daemon")?;
    let status = store.status(&settings, true).await?;
    super::status::show(&status, &settings.timezone)?;

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
    if !args.stay {
        output::paragraph(
            "Next: lapsed demo --stay to play with it, and lapsed init for your own.",
        )?;
        return Ok(Exit::Done);
    }
    heading("It stays: Ctrl-C ends it, and nothing is left but the report")?;
    stage.invite(person.as_deref())?;
    drop(services);
    // It has runtimes of its own.
    let daemon = move || daemon::run(settings, &store, Box::new(load));
    tokio::task::spawn_blocking(daemon)
        .await
        .map_err(|error| Failure::could_not_run(error.into()))??;
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
    settings: &config::Settings,
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
