//! What must be true after a soak.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Log;
use super::crowd::{Crowd, present};
use crate::world::World;

/// At the providers: all that was due is gone, all others are there, and no writing call ever named
/// one of them.
pub(super) fn access(world: &World, crowd: &Crowd) {
    let present: BTreeSet<String> = present(world).into_iter().collect();
    assert_eq!(present, crowd.staying);
    let calls = [world.sentius.calls(), world.sapling.calls()].concat();
    let mut removed = BTreeSet::new();
    for call in calls.iter().filter(|call| call.method != "GET") {
        assert_eq!(call.method, "DELETE", "{call:?}");
        for email in &call.emails {
            assert!(crowd.due.contains(email), "{email}: {call:?}");
            removed.insert(email);
        }
    }
    assert_eq!(removed.len(), crowd.due.len());
}

/// In the trail: one row for each removal, settled once, after an intent; and the chain is whole.
pub(super) async fn trail(world: &World, crowd: &Crowd) {
    world.all_settled_once().await;
    // While a team cannot be read, an invited person is taken for a member: a guess that is never
    // called, and ends withdrawn or absent.
    let guess = "attempts = 0 AND kind = 'member.remove' AND state IN ('withdrawn', 'absent')";
    let mut removed = world.texts(&format!(
        "SELECT email_key FROM action WHERE NOT ({guess}) AND state IN ('done', 'absent')"
    ));
    removed.extend(world.texts(&format!(
        "SELECT DISTINCT email_key FROM action a WHERE {guess} AND state = 'absent' AND NOT EXISTS
         (SELECT 1 FROM action b WHERE b.email_key = a.email_key AND b.id <> a.id AND b.state IN ('done', 'absent'))"
    )));
    let once: BTreeSet<String> = removed.iter().cloned().collect();
    assert_eq!(once, crowd.due);
    let twice = world.texts(
        "SELECT group_concat(id || ' ' || kind || ' ' || email || ' ' || state || ' ' || attempts, '; ')
         FROM action WHERE state <> 'withdrawn' GROUP BY email_key HAVING count(*) > 1",
    );
    assert_eq!(removed.len(), once.len(), "removed twice: {twice:#?}");
    // What was tried is not withdrawn; but an invite that is gone after a failure that was none is
    // told of as a member who is absent.
    let withdrawn = world.texts(
        "SELECT id || ' ' || kind || ' ' || email FROM action a
         WHERE state = 'withdrawn' AND attempts > 0
           AND NOT (kind = 'invite.revoke' AND EXISTS
             (SELECT 1 FROM action b WHERE b.email_key = a.email_key AND b.target = a.target
              AND b.kind = 'member.remove' AND b.state = 'absent'))",
    );
    assert!(withdrawn.is_empty(), "{withdrawn:#?}");
    assert_eq!(
        world.number(
            "SELECT count(*) FROM grants WHERE removed_at IS NULL AND ends_at < 1767225600000"
        ),
        0,
        "a grant that is over is still open"
    );
    let events = world.events();
    let mut intended = BTreeSet::new();
    for event in &events {
        let row = event.payload["action_id"].as_i64();
        match event.kind.as_str() {
            "action.intent" => {
                intended.insert(row);
            }
            "action.result" if event.payload["state"] == "done" => {
                assert!(intended.contains(&row), "no intent before {event:?}");
            }
            _ => {}
        }
    }
}

/// Every mail that was decided came, as it was decided; one came again only where nobody could know
/// that it had come.
pub(super) fn mail(world: &World, log: &Log) {
    let decided = world.outbox();
    assert!(!decided.is_empty());
    let mut arrived: BTreeMap<String, Vec<(Timestamp, Vec<u8>)>> = BTreeMap::new();
    for mail in world.mail.mails() {
        let parser = mail_parser::MessageParser::default();
        let message = parser.parse(&mail.data).unwrap();
        let id = format!("<{}>", message.message_id().unwrap());
        let (recipient, _) = &decided[&id];
        assert_eq!(mail.to, std::slice::from_ref(recipient));
        arrived.entry(id).or_default().push((mail.at, mail.data));
    }
    for (id, (recipient, state)) in &decided {
        assert_eq!(state, "sent", "{id} to {recipient}");
        let copies = arrived.get(id);
        let copies = copies.unwrap_or_else(|| panic!("{id} to {recipient} was lost"));
        for pair in copies.windows(2) {
            let ((first, text), (second, same)) = (&pair[0], &pair[1]);
            assert_eq!(text, same, "two texts under {id}");
            let killed = log.kills.iter().any(|at| first <= at && at <= second);
            let unanswered = |(from, to): &(Timestamp, Timestamp)| from <= first && first <= to;
            assert!(
                killed || log.unanswered.iter().any(unanswered),
                "{id} came at {first} and again at {second} without need"
            );
        }
    }
}
