//! `lapsed init`: writes a configuration and its key files, checks them, and offers the members that no
//! grant covers as an import file.

mod ask;
mod options;
mod text;
mod uncovered;

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret as _;

use super::exit::{Exit, Failure};
use super::{CONFIG, Common, check, first, output, wait};
use crate::config;
use crate::files;
use ask::{Asked, Question};
use options::{MailArgs, SaplingArgs, SentiusArgs, unfit};
use text::{Answers, quoted};

/// Where a service reads its configuration, and has its database.
const USUAL: &str = "/etc/lapsed";
const USUAL_DATABASE: &str = "/var/lib/lapsed/lapsed.db";

const OBSERVE: &str = "Only observe at first: plan and report, and change no provider";

/// What is asked, as options.
#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal it asks for all that no option says, and --yes asks nothing. An account is written when \
one of its options is given, and mail when one of its own is. Keys are typed without being shown, \
or come from a file, stdin or the environment; they are no options, which others could see in the list \
of processes.

Written are, and nothing of it may exist yet:
  lapsed.toml                        the configuration, with an explanation of each key
  sentius-key, sapling-key, smtp-key  the keys, for their owner alone (mode 600)
  lapsed.schema.json                 for editors: what the configuration can say
  members.csv                        who is in a team, for import --record-only; mode 600

Examples:
  lapsed init
  lapsed init --yes --sapling-name acme --sapling-key-file ~/key --sapling-self-email me@acme.com
  pass show sentius | lapsed init try --yes --sentius-name acme --sentius-key-file -")]
pub(super) struct InitArgs {
    /// Where the files go; it is made where it is missing
    #[arg(default_value = USUAL)]
    directory: PathBuf,

    /// Ask nothing: take the options, and the defaults of all others
    #[arg(long)]
    yes: bool,

    /// For schedules, dates and reports: an IANA name such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,

    /// Change no provider at first: all is planned and reported, until guard.observe_only is false
    #[arg(long)]
    observe_only: bool,

    /// The database [default: /var/lib/lapsed/lapsed.db for /etc/lapsed, else lapsed.db in DIRECTORY]
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,

    #[command(flatten)]
    sentius: SentiusArgs,

    #[command(flatten)]
    sapling: SaplingArgs,

    #[command(flatten)]
    mail: MailArgs,
}

pub(super) fn run(common: &Common, args: InitArgs) -> Result<Exit, Failure> {
    if common.named_by == first::NamedBy::Option {
        return Err(Failure::usage(
            "init takes the DIRECTORY to write into, and no --config",
        ));
    }
    let asked = match (
        args.yes,
        io::stdin().is_terminal() && io::stderr().is_terminal(),
    ) {
        (true, _) => Asked::Options,
        (false, true) => Asked::Person,
        (false, false) => {
            return Err(Failure::usage(
                "init asks on a terminal, and there is none here; give --yes and options, as in lapsed init --help",
            ));
        }
    };
    if args.stdins() > 1 {
        return Err(Failure::usage("only one key can come from stdin (-)"));
    }
    let directory = std::path::absolute(&args.directory)?;
    let configuration = directory.join("lapsed.toml");
    let members = directory.join("members.csv");
    let names = ["sentius-key", "sapling-key", "smtp-key"];
    let all = names.map(|name| directory.join(name));
    let schema = directory.join(text::SCHEMA);
    free([&configuration, &members, &schema].into_iter().chain(&all))?;
    let answers = args.answers(asked, &directory)?;
    let toml = answers.toml();
    if let Some((key, why)) = config::mistakes(&toml).into_iter().next() {
        return Err(Failure::usage(format!("{}: {why}", option_of(&key))));
    }
    write(&directory, &configuration, &toml, &answers)?;
    let written = Common {
        config: configuration,
        named_by: first::NamedBy::Option,
        ..common.clone()
    };
    wait(look(&written, &members, &answers))
}

/// What comes after writing: a look at all of it, the members, and what to type next.
async fn look(common: &Common, members: &Path, answers: &Answers) -> Result<Exit, Failure> {
    let kept = "what was written stays as it is";
    output::line("")?;
    let checked = match check::everything(common, &mut check::Findings::for_people()).await {
        Ok(exit) => exit,
        Err(failure) => return Err(failure.with_note(kept)),
    };
    let listed = match answers.sapling {
        Some(_) => uncovered::offer(common, members).await,
        None => Ok(uncovered::Offer::default()),
    };
    let listed = listed.map_err(|failure| failure.with_note(kept))?;
    let exit = match (checked, listed.is_whole) {
        (Exit::Done, false) => Exit::Incomplete,
        (exit, _) => exit,
    };
    if exit != Exit::Done {
        output::line(&format!(
            "\nNot all is well, as the lines above say; {kept}. Mend it, and check again."
        ))?;
    }
    next(common, answers, &listed, members)?;
    Ok(exit)
}

/// What to type next.
fn next(
    common: &Common,
    answers: &Answers,
    listed: &uncovered::Offer,
    members: &Path,
) -> Result<(), Failure> {
    let lapsed = match common.config == Path::new(CONFIG) {
        true => "lapsed".to_owned(),
        false => format!("lapsed --config {}", common.config.display()),
    };
    let file = members.display();
    output::line("\nNext:")?;
    output::line(&format!("  {lapsed} check"))?;
    if answers.sapling.is_some() && !listed.is_whole {
        output::line(&format!(
            "  {lapsed} --run-now --dry-run      reads the teams\n  {lapsed} members --uncovered --format import > {file}"
        ))?;
    }
    if listed.count > 0 || !listed.is_whole {
        output::line(&format!(
            "  fill in end and owner in {file}; an empty end is never\n  {lapsed} import {file} --record-only"
        ))?;
    }
    if answers.sentius.is_some() {
        output::line(&format!(
            "  write down who is on the whitelist, which cannot be listed: email,target,end,owner\n  {lapsed} import people.csv --record-only"
        ))?;
    }
    output::line(&format!("  {lapsed} --run-now --dry-run"))?;
    match common.config == Path::new(CONFIG) {
        true => output::line("  systemctl enable --now lapsed")?,
        false => output::line(&format!("  {lapsed}      the daemon, in the foreground"))?,
    }
    Ok(())
}

/// That nothing has one of these names, not even a link that leads nowhere.
fn free<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Result<(), Failure> {
    for path in paths {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unwritten(path, error)),
            Ok(_) => {
                return Err(Failure::usage(format!(
                    "{} exists, and init overwrites nothing: move it away, or name another directory",
                    path.display()
                )));
            }
        }
    }
    Ok(())
}

/// Writes keys and configuration; if one cannot be written, none is left.
fn write(
    directory: &Path,
    configuration: &Path,
    toml: &str,
    answers: &Answers,
) -> Result<(), Failure> {
    make(directory).map_err(|error| unwritten(directory, error))?;
    let mut contents = Vec::new();
    for (name, secret) in answers.secrets() {
        let text = format!("{}\n", secret.expose_secret());
        contents.push((directory.join(name), text, 0o600));
    }
    let schema = format!("{:#}\n", config::schema());
    contents.push((directory.join(text::SCHEMA), schema, 0o644));
    contents.push((configuration.to_owned(), toml.to_owned(), 0o644));
    let mut made: Vec<&Path> = Vec::new();
    for (path, text, mode) in &contents {
        if let Err(error) = put(path, text, *mode) {
            for path in made {
                // The error is told; what cannot be removed is the same trouble.
                let _ = fs::remove_file(path);
            }
            return Err(unwritten(path, error));
        }
        made.push(path);
    }
    for (path, ..) in &contents {
        output::line(&format!("written  {}", path.display()))?;
    }
    Ok(())
}

/// Makes the directory where it is missing. The service reads its configuration there, whatever the
/// umask of whoever writes it; the keys have modes of their own.
fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o755))
}

/// A new file, which nobody but its owner can open before it has its mode.
fn put(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = files::make(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| {
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    let error = anyhow::Error::from(error);
    Failure::could_not_run(error.context(format!("{}", path.display())))
}

/// The option that says what a key of the configuration says.
fn option_of(key: &str) -> String {
    match key {
        "state.path" => "--database".to_owned(),
        "mail.directory.path" => "--mail-directory".to_owned(),
        key => {
            let key = key.replace("[0]", "").replace("base_url", "url");
            let key = key
                .strip_prefix("mail.smtp")
                .map_or(key.clone(), |rest| format!("smtp{rest}"));
            format!("--{}", key.replace(['.', '_'], "-"))
        }
    }
}

impl InitArgs {
    fn stdins(&self) -> usize {
        let files = [
            self.sentius.key_file(),
            self.sapling.key_file(),
            self.mail.password_file(),
        ];
        let is_stdin = |file: &Option<&Path>| *file == Some(Path::new("-"));
        files.into_iter().filter(is_stdin).count()
    }

    fn answers(self, asked: Asked, directory: &Path) -> Result<Answers, Failure> {
        let here = TimeZone::try_system().ok();
        let here = here.as_ref().and_then(TimeZone::iana_name);
        let zone = Question {
            prompt: "Timezone of schedules and reports",
            option: "--timezone",
            default: match asked {
                Asked::Person => here.or(Some("UTC")),
                Asked::Options => Some("UTC"),
            },
        };
        let timezone = asked.text(&zone, self.timezone, |text| {
            unfit("timezone", &format!("timezone = {}", quoted(text)))
        })?;
        let database = match self.database {
            Some(path) => std::path::absolute(path)?,
            None if directory == Path::new(USUAL) => PathBuf::from(USUAL_DATABASE),
            None => directory.join("lapsed.db"),
        };
        let answers = Answers {
            timezone,
            database,
            sentius: self.sentius.account(asked)?,
            sapling: self.sapling.account(asked)?,
            mail: self.mail.mail(asked)?,
            observe_only: asked.wants(OBSERVE, self.observe_only)?,
        };
        if answers.sentius.is_none() && answers.sapling.is_none() {
            return Err(Failure::usage(
                "there is no account; give --sentius-name or --sapling-name",
            ));
        }
        Ok(answers)
    }
}
