//! Reading the configuration and keys again while the daemon runs.

use std::sync::Arc;

use super::{Daemon, systemd};
use crate::config::StatusSettings;
use crate::listener::{ListenError, View};
use crate::providers::accounts::Services;

impl Daemon {
    /// Reads configuration and keys anew; what is under way ends with the old ones, and changes no
    /// provider any more where lapsed is to observe from now on.
    pub(super) fn reload(&mut self) {
        systemd::reloading();
        match self.renew() {
            Ok(()) => tracing::info!("the configuration was read anew"),
            Err(error) => tracing::error!(
                error,
                "the configuration could not be read anew, and the one in use stays: {error}"
            ),
        }
        systemd::ready();
        self.told.clear();
    }

    fn renew(&mut self) -> Result<(), String> {
        let settings = (self.load)()?;
        if settings.database != self.settings.borrow().database {
            return Err(
                "state.path: the database cannot change while the daemon runs; restart it"
                    .to_owned(),
            );
        }
        let services = Services::connect(&settings, &self.services.metrics)
            .map_err(|error| error.to_string())?;
        self.listen(settings.status.as_ref())
            .map_err(|error| error.to_string())?;
        if settings.guard.observe_only {
            self.services.only_observe();
        }
        self.services = Arc::new(services);
        self.watchdog.expect(&settings.http);
        self.settings.send_replace(Arc::new(settings));
        self.outbox.notify_one();
        Ok(())
    }

    /// Listens where the settings say.
    pub(super) fn listen(&mut self, wanted: Option<&StatusSettings>) -> Result<(), ListenError> {
        let (watchdog, supervisor) = (self.watchdog.clone(), self.supervisor.clone());
        let view = View {
            store: self.store.clone(),
            settings: self.settings.subscribe(),
            alive: Arc::new(move || watchdog.check().and_then(|()| supervisor.check())),
            metrics: self.services.metrics.clone(),
            started_at: self.started_at,
        };
        if let Some(moved) = self
            .listening
            .moved(wanted, view, &self.workers, &self.supervisor)?
        {
            self.listening = moved;
        }
        Ok(())
    }
}
