//! A world in which a test says what day it is, and what was mailed then.

use lapsed::clock;
use lapsed_sandbox::Received;
use mail_parser::{MessageParser, MimeHeaders};

use super::{Outcome, Printed, World, time};

/// A mail that is no report: to whom, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The calendar's content lines, unfolded.
    pub(crate) events: Vec<String>,
}

impl Letter {
    fn of(mail: &Received) -> Option<Self> {
        let message = MessageParser::default().parse(&mail.data).unwrap();
        let subject = message.subject().unwrap().to_owned();
        let file = message.attachment(0);
        if file.is_some_and(|file| file.attachment_name().unwrap().contains(".csv")) {
            return None;
        }
        let events = file.map_or(String::new(), |file| {
            let kind = file.content_type().unwrap();
            assert_eq!((kind.ctype(), kind.subtype()), ("text", Some("calendar")));
            assert_eq!(kind.attribute("method"), Some("PUBLISH"));
            file.text_contents().unwrap().to_owned()
        });
        Some(Self {
            to: mail.to.join(" "),
            subject,
            text: message.body_text(0).unwrap().into_owned(),
            html: message.body_html(0).unwrap().into_owned(),
            events: events
                .replace("\r\n ", "")
                .lines()
                .map(str::to_owned)
                .collect(),
        })
    }

    /// What each event of the calendar says of this property.
    pub(crate) fn each(&self, property: &str) -> Vec<&str> {
        let start = format!("{property}:");
        let lines = self.events.iter();
        lines.filter_map(|line| line.strip_prefix(&start)).collect()
    }
}

impl World {
    /// Sets the program's clock, and with `one_clock` the providers' as well.
    pub(crate) fn set_time(&self, now: &str) {
        let ahead = time(now).as_millisecond() - clock::now().as_millisecond();
        if self.one_clock {
            self.sentius.set_clock_ahead(ahead / 1000);
            self.sapling.set_clock_ahead(ahead / 1000);
        }
        self.write("clock", &ahead.to_string());
    }

    /// The program at another time; without `one_clock` the providers keep the true one.
    pub(crate) async fn lapsed_at(&self, now: &str, args: &[&str]) -> Printed {
        self.set_time(now);
        let mut command = self.command(args);
        command.env("LAPSED_CLOCK", self.path("clock"));
        let output = tokio::task::spawn_blocking(move || command.output());
        Printed::of(&output.await.unwrap().unwrap())
    }

    /// Records `email,target,end,owner` rows at that time; the clock may be anywhere from now on.
    pub(crate) async fn owned_grants(&self, now: &str, rows: &[&str]) {
        let csv = format!("email,target,end,owner\n{}\n", rows.join("\n"));
        self.write("grants.csv", &csv);
        let file = self.path("grants.csv");
        let import = ["import", file.to_str().unwrap(), "--record-only"];
        let printed = self.lapsed_at(now, &import).await;
        assert_eq!(printed.code, 0, "{}", printed.stderr);
    }

    /// A pass at another time, and the letters that it sent.
    pub(crate) async fn run_at(&self, now: &str) -> (Outcome, Vec<Letter>) {
        self.mail.clear();
        let run = Outcome::of(
            self.lapsed_at(now, &["--run-now", "--format", "json"])
                .await,
        );
        (run, self.letters())
    }

    /// The mails received that are no reports, in order.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.mail.mails().iter().filter_map(Letter::of).collect()
    }
}
