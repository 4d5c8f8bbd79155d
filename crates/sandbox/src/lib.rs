//! Both providers and a mail server in memory, behind real HTTP and SMTP on loopback.
//!
//! The demo runs on them, and so do the project's tests and benches. They hold state and behave
//! as the providers' documents say, strictly: where a document is silent they refuse, so that
//! what works here sends nothing that a provider need not take. What can go wrong on a network
//! is scripted with [`Faults`] and [`MailFault`].
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use lapsed_sandbox::{Fault, Sapling, SaplingState, TeamUser, When};
//!
//! let mut state = SaplingState::new("robot@acme.example");
//! state.add_team("Core").add_member(TeamUser::new("jane@acme.example", jiff::Timestamp::now()));
//! let sapling = Sapling::start(state).await?;
//! sapling.faults().once(When::method("DELETE"), Fault::DropAfter);
//! // … call sapling.base_url(), then look at what came of it:
//! sapling.with(|state| assert!(state.team("Core").is_some()));
//! assert_eq!(sapling.calls().len(), 0);
//! # Ok(()) }
//! ```

mod call;
mod clock;
mod fault_injection;
mod faults;
mod line;
mod reply;
mod sample;
mod sapling;
mod sentius;
mod server;
mod smtp;

pub use call::{Call, KeyPlace};
pub use faults::{Answer, Fault, Faults, Rule, Times, When};
pub use sample::{Sample, SampleTeamRule};
pub use sapling::{Invite, Sapling, SaplingState, Team, TeamUser};
pub use sentius::{Entry, PERMISSIONS, Sentius, SentiusState};
pub use server::StandIn;
pub use smtp::{
    Duplex, MailFault, MailOptions, MailSink, MailStage, MailTls, Received, TlsUpgrade, Upgrading,
};
