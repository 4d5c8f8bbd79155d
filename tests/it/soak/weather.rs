//! What goes wrong around a pass: faults of both providers by chance, and of the mail server.

use std::time::Duration;

use lapsed_sandbox::{Answer, Fault, Faults, MailFault, Rule, Times, When};

use super::Dice;
use crate::world::World;

/// The weather of one pass.
#[derive(Debug, Default)]
pub(super) struct Weather {
    /// Whether the mail server may keep a mail and close without a word.
    pub(super) keeps_mail_secretly: bool,
}

impl Weather {
    /// New faults for the next pass.
    pub(super) fn change(&mut self, world: &World, dice: &mut Dice, round: u64) {
        Self::clear(world);
        self.keeps_mail_secretly = false;
        for faults in [world.sentius.faults(), world.sapling.faults()] {
            provider(faults, dice);
        }
        if round.is_multiple_of(6) {
            // Not often enough to be seen three times in a row, which would be believed.
            let lists = When::method("GET").path("team_user");
            world.sapling.faults().once(lists, Fault::EmptyLists);
        }
        match dice.below(8) {
            0 | 1 => {
                self.keeps_mail_secretly = true;
                world
                    .mail
                    .add_fault(Times::Count(1), MailFault::CloseUnanswered);
            }
            2 => world
                .mail
                .add_fault(Times::Count(2), MailFault::RefuseData(451)),
            3 => world
                .mail
                .add_fault(Times::Count(2), MailFault::RefuseData(452)),
            4 => world.mail.add_fault(
                Times::Always,
                MailFault::RefuseRecipient {
                    address: "it@acme.example".to_owned(),
                    code: 450,
                },
            ),
            5 => world
                .mail
                .add_fault(Times::Count(1), MailFault::CloseAfterData),
            6 => world
                .mail
                .add_fault(Times::Count(1), MailFault::RefuseConnection(421)),
            _ => {}
        }
    }

    /// Everything works again.
    pub(super) fn clear(world: &World) {
        world.sentius.faults().clear();
        world.sapling.faults().clear();
        world.mail.clear_faults();
    }
}

fn provider(faults: &Faults, dice: &mut Dice) {
    if dice.one_in(5) {
        return;
    }
    let often = |fault, percent: u32| {
        let rule = Rule::new(When::any(), fault).always();
        faults.add(rule.chance(f64::from(percent) / 100.0));
    };
    let wait = Duration::from_millis(50 + dice.below(250));
    often(Fault::Delay(Duration::from_millis(dice.below(20))), 50);
    often(Fault::DropBefore, 4);
    often(Fault::DropAfter, 5);
    often(Fault::CutBody, 3);
    often(Fault::Status(Answer::new(429).retry_after("0")), 3);
    often(Fault::Status(Answer::new(429).retry_after("1")), 1);
    often(Fault::Status(Answer::new(429)), 1);
    often(Fault::status(500), 3);
    often(Fault::Status(Answer::new(500).applied()), 2);
    often(Fault::status(503), 3);
    often(Fault::Hang(wait), 2);
    often(Fault::HangAfter(wait), 2);
    often(Fault::Html, 1);
    often(
        Fault::Redirect {
            status: 303,
            to: "/elsewhere".to_owned(),
        },
        1,
    );
}
