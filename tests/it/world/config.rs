//! The configuration that a world writes: sections as texts, so that a test shows what it sets.

use super::{HOLDER, World};

/// What stands in each section; the accounts' names, places and keys are the world's own.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where in the world's folder the database lies.
    pub(crate) database: &'static str,
    /// Keys outside of sections.
    pub(crate) zone: &'static str,
    /// Further keys of `[[sapling]]`.
    pub(crate) sapling: String,
    /// Whole `[[sapling.team]]` sections.
    pub(crate) teams: String,
    pub(crate) http: String,
    pub(crate) schedule: String,
    pub(crate) policy: String,
    pub(crate) guard: String,
    pub(crate) mail: Mail,
    /// The port that `[status]` listens at, if it does, and further keys of it.
    pub(crate) status: Option<(u16, String)>,
    /// A whole `[review]` section.
    pub(crate) review: String,
    /// Keys of `[alarm]`.
    pub(crate) alarm: String,
    /// Further keys of `[mail]`.
    pub(crate) notices: String,
    /// Further keys of `[mail.smtp]`.
    pub(crate) smtp: String,
    /// Who gets the report.
    pub(crate) to: Vec<&'static str>,
}

/// Where mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mail {
    None,
    /// To the world's mail server.
    Smtp,
    /// To a port where nobody listens.
    Nobody,
    /// To a mail server of the test's own at this port.
    At(u16),
    /// Into the folder `outbox`.
    Directory,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: "lapsed.db",
            zone: "",
            sapling: format!("self_email = {HOLDER:?}\n"),
            teams: String::new(),
            // Fast, and patient enough for a machine that does other things too.
            http: "timeout = \"20s\"\nrequests_per_second = 1000\n".to_owned(),
            schedule: String::new(),
            policy: String::new(),
            guard: String::new(),
            mail: Mail::None,
            status: None,
            review: String::new(),
            alarm: String::new(),
            notices: String::new(),
            smtp: String::new(),
            to: vec!["it@acme.example"],
        }
    }
}

impl Config {
    pub(super) fn text(&self, world: &World) -> String {
        let folder = world.folder().display();
        let Self {
            database,
            zone,
            sapling,
            teams,
            http,
            schedule,
            policy,
            guard,
            review,
            ..
        } = self;
        let alarm = match self.alarm.as_str() {
            "" => String::new(),
            keys => format!("[alarm]\n{keys}"),
        };
        let status = self
            .status
            .as_ref()
            .map(|(port, more)| format!("[status]\nlisten = \"127.0.0.1:{port}\"\n{more}"));
        format!(
            r#"{zone}
[state]
path = "{folder}/{database}"

[[sentius]]
name = "acme"
base_url = "{}"
api_key_file = "{folder}/sentius.key"

[[sapling]]
name = "acme"
base_url = "{}"
api_key_file = "{folder}/sapling.key"
{sapling}
{teams}
[http]
{http}
[schedule]
{schedule}
[policy]
{policy}
[guard]
{guard}
{review}
{alarm}
{}
{}"#,
            world.sentius.base_url(),
            world.sapling.base_url(),
            status.unwrap_or_default(),
            self.mail(world),
        )
    }

    fn mail(&self, world: &World) -> String {
        let smtp = |port: u16| {
            let more = &self.smtp;
            format!("[mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n{more}")
        };
        let route = match self.mail {
            Mail::None => return String::new(),
            Mail::Smtp => smtp(world.mail.port()),
            // The port of nothing: systems give it to nobody.
            Mail::Nobody => smtp(1),
            Mail::At(port) => smtp(port),
            Mail::Directory => {
                let outbox = world.path("outbox");
                format!("[mail.directory]\npath = {outbox:?}\n")
            }
        };
        let Self { to, notices, .. } = self;
        format!("[mail]\nfrom = \"lapsed <lapsed@acme.example>\"\nto = {to:?}\n{notices}\n{route}")
    }
}
