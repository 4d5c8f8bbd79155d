//! Hands a composed message over: to a mail server, or into a directory.

use std::path::PathBuf;

use thiserror::Error;
use tokio::task::spawn_blocking;

use super::directory;
use super::smtp::{Limits, Smtp};
use super::words::safe;
use crate::config::MailRoute;
use crate::progress::Stop;

/// Why a courier could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum BuildError {
    /// The certificates to trust could not be loaded, or the server's name is none.
    #[error("TLS for the mail server cannot be set up: {0}")]
    Tls(String),
}

/// Why a mail was not delivered. The texts contain no control characters and no password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum DeliveryError {
    /// The server refuses this message or this recipient: sending it again does not help.
    #[error("{0}")]
    Refused(String),
    /// The server got the whole mail and did not answer: it may arrive, and if it is sent again it
    /// may arrive twice.
    #[error("{0}")]
    Unanswered(String),
    /// Anything else: it is tried again, though a person may have to fix something first.
    #[error("{0}")]
    Transient(String),
}

/// A mail to be delivered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parcel<'a> {
    /// The envelope's sender.
    pub from: &'a str,
    /// The envelope's one recipient.
    pub to: &'a str,
    /// With angle brackets.
    pub message_id: &'a str,
    /// The message, and smaller ones for a server that does not accept it whole, the smallest last.
    pub forms: &'a [Vec<u8>],
}

/// How long a courier waits for a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As long as RFC 5321 asks for: nothing else waits for the mail.
    Patient,
    /// Half a minute for each answer, and as long as RFC 5321 asks for once the server has the mail.
    Hasty,
}

/// Delivers mail by the configured route.
#[derive(Debug)]
pub(crate) struct Courier {
    route: Route,
}

#[derive(Debug)]
enum Route {
    Smtp(Box<Smtp>),
    Directory(PathBuf),
}

impl Courier {
    /// Makes a courier. Nothing is connected or created yet.
    ///
    /// # Errors
    /// Fails when TLS is wanted and cannot be set up.
    pub(crate) fn new(route: &MailRoute) -> Result<Self, BuildError> {
        Self::at_pace(route, Pace::Hasty, Stop::default())
    }

    /// Like [`Courier::new`], at this pace and until told to stop.
    ///
    /// # Errors
    /// Fails when TLS is wanted and cannot be set up.
    pub(crate) fn at_pace(route: &MailRoute, pace: Pace, stop: Stop) -> Result<Self, BuildError> {
        let limits = match pace {
            Pace::Patient => Limits::patient(),
            Pace::Hasty => Limits::hasty(),
        };
        let route = match route {
            MailRoute::Smtp(settings) => Route::Smtp(Box::new(Smtp::new(settings, limits, stop)?)),
            MailRoute::Directory(path) => Route::Directory(path.clone()),
        };
        Ok(Self { route })
    }

    /// Delivers to one recipient. On `Ok` the server or the disk has the mail, in the form of this
    /// place.
    ///
    /// # Errors
    /// Tells whether another try makes sense.
    pub(crate) async fn deliver(&self, parcel: &Parcel<'_>) -> Result<usize, DeliveryError> {
        match &self.route {
            Route::Smtp(server) => server.deliver(parcel).await,
            Route::Directory(path) => {
                let (path, id) = (path.clone(), parcel.message_id.to_owned());
                let whole = parcel.forms.first().cloned().unwrap_or_default();
                on_disk(&path.clone(), move || {
                    directory::write(&path, &id, &whole).map(drop)
                })
                .await?;
                Ok(0)
            }
        }
    }

    /// Checks whether mail could be sent, without sending any, and says what was found.
    ///
    /// # Errors
    /// Says what is in the way.
    pub(crate) async fn check(&self) -> Result<String, DeliveryError> {
        match &self.route {
            Route::Smtp(server) => server.check().await,
            Route::Directory(path) => {
                let target = path.clone();
                on_disk(path, move || directory::check(&target)).await?;
                Ok(format!("{} can be written", path.display()))
            }
        }
    }

    /// Closes connections kept for the next mail. Call it when nothing more is to be sent for now.
    pub(crate) async fn rest(&self) {
        if let Route::Smtp(server) = &self.route {
            server.rest().await;
        }
    }
}

async fn on_disk(
    path: &std::path::Path,
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<(), DeliveryError> {
    let problem = match spawn_blocking(work).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the write was broken off".to_owned(),
    };
    let text = format!("{} cannot be written: {problem}", path.display());
    Err(DeliveryError::Transient(safe(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(forms: &[Vec<u8>]) -> Parcel<'_> {
        Parcel {
            from: "lapsed@acme.example",
            to: "it@acme.example",
            message_id: "<a@b>",
            forms,
        }
    }

    #[tokio::test]
    async fn a_directory_takes_mail_and_says_so_beforehand() {
        let home = tempfile::tempdir().unwrap();
        let outbox = home.path().join("outbox");
        let courier = Courier::new(&MailRoute::Directory(outbox.clone())).unwrap();
        assert!(
            courier
                .check()
                .await
                .unwrap()
                .ends_with("outbox can be written")
        );
        courier.deliver(&parcel(&[b"one".to_vec()])).await.unwrap();
        assert_eq!(std::fs::read(outbox.join("a@b.eml")).unwrap(), b"one");
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_written_may_be_mended() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let courier = Courier::new(&MailRoute::Directory(file.path().join("outbox"))).unwrap();
        let error = courier.check().await.unwrap_err();
        assert!(matches!(&error, DeliveryError::Transient(text) if text.contains("outbox")));
        let sent = courier.deliver(&parcel(&[b"one".to_vec()])).await;
        assert!(matches!(sent, Err(DeliveryError::Transient(_))));
    }
}
