//! Hands a composed message over: to a mail server, or into a directory.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio::task::spawn_blocking;

use super::directory;
use super::smtp::Smtp;
use super::words::safe;
use crate::config::MailRoute;
use crate::failpoint;

/// How long one mail may take, from the connection to the server's yes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a courier could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The certificates to trust could not be loaded, or the server's name is none.
    #[error("TLS for the mail server cannot be set up: {0}")]
    Tls(String),
}

/// Why a mail was not handed over. The texts hold no control characters and no password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// The server refuses this message or this recipient: sending it again does not help.
    #[error("{0}")]
    Permanent(String),
    /// Anything else: it is worth trying again, though a person may have to mend something first.
    #[error("{0}")]
    Transient(String),
}

/// Delivers mail by the configured route.
#[derive(Debug)]
pub struct Courier {
    route: Route,
}

#[derive(Debug)]
enum Route {
    Smtp(Smtp),
    Directory(PathBuf),
}

impl Courier {
    /// Makes a courier. Nothing is connected or created yet.
    ///
    /// # Errors
    /// Fails when TLS is wanted and cannot be set up.
    pub fn new(route: &MailRoute) -> Result<Self, BuildError> {
        Self::with_timeout(route, failpoint::wait(TIMEOUT))
    }

    /// Like [`Courier::new`], with so much time for one mail.
    ///
    /// # Errors
    /// Fails when TLS is wanted and cannot be set up.
    pub fn with_timeout(route: &MailRoute, timeout: Duration) -> Result<Self, BuildError> {
        let route = match route {
            MailRoute::Smtp(settings) => Route::Smtp(Smtp::new(settings, timeout)?),
            MailRoute::Directory(path) => Route::Directory(path.clone()),
        };
        Ok(Self { route })
    }

    /// Delivers to one recipient. On `Ok` the server or the disk has the mail.
    ///
    /// On an error the server may have it all the same, when the connection broke after it had
    /// read everything: a second try then sends it twice, with the same Message-ID.
    ///
    /// # Errors
    /// Tells whether another try makes sense.
    pub async fn deliver(
        &self,
        from: &str,
        to: &str,
        message_id: &str,
        bytes: &[u8],
    ) -> Result<(), DeliveryError> {
        match &self.route {
            Route::Smtp(server) => server.deliver(from, to, bytes).await,
            Route::Directory(path) => {
                let (path, id, bytes) = (path.clone(), message_id.to_owned(), bytes.to_vec());
                on_disk(&path.clone(), move || {
                    directory::write(&path, &id, &bytes).map(drop)
                })
                .await
            }
        }
    }

    /// Tries whether mail would go out, without sending any, and says what was found.
    ///
    /// # Errors
    /// Says what is in the way.
    pub async fn check(&self) -> Result<String, DeliveryError> {
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
    pub async fn rest(&self) {
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
    Err(DeliveryError::Transient(safe(&text, &[])))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        courier
            .deliver("lapsed@acme.example", "it@acme.example", "<a@b>", b"one")
            .await
            .unwrap();
        assert_eq!(std::fs::read(outbox.join("a@b.eml")).unwrap(), b"one");
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_written_may_be_mended() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let courier = Courier::new(&MailRoute::Directory(file.path().join("outbox"))).unwrap();
        let error = courier.check().await.unwrap_err();
        assert!(matches!(&error, DeliveryError::Transient(text) if text.contains("outbox")));
        let sent = courier
            .deliver("a@b.example", "c@d.example", "<a@b>", b"one")
            .await;
        assert!(matches!(sent, Err(DeliveryError::Transient(_))));
    }
}
