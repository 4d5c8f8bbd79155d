//! Who is asked, reminded and given up on, day by day.

use proptest::prelude::*;

use super::*;
use crate::domain::{Target, TargetId};

const START: &str = "2026-01-01T07:00:00Z";

fn day(day: i64) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    start + SignedDuration::from_hours(24 * day)
}

fn email(text: &str) -> Email {
    Email::observed(text)
}

fn open(grant: i64, owner: Option<&str>, confirmed: i64) -> DueReview {
    let target: Target = "sentius:acme".parse().unwrap();
    DueReview {
        grant,
        target: TargetRef::new(TargetId(1), target),
        email: email(&format!("p{grant}@example.com")),
        role: None,
        end: None,
        owner: owner.map(email),
        reason: None,
        confirmed_at: day(confirmed),
        asked_at: None,
        reminded_at: None,
        delivered_at: None,
    }
}

fn rules() -> ReviewPolicy {
    ReviewPolicy {
        every: SignedDuration::from_hours(24 * 90),
        unanswered_ends: true,
    }
}

fn it() -> Recipients {
    Recipients {
        instead: vec![email("it@acme.example")],
        ..Recipients::default()
    }
}

/// What happens on a day, as the store would keep it: who is mailed about which grants, and what
/// ends.
fn pass(
    all: &mut Vec<DueReview>,
    who: &mut Recipients,
    now: i64,
) -> (Vec<(String, Vec<i64>)>, Vec<i64>) {
    let (rules, now) = (rules(), day(now));
    let due = rules.due_before(now);
    let waiting: Vec<DueReview> = all
        .iter()
        .filter(|o| o.confirmed_at <= due)
        .cloned()
        .collect();
    let ended: Vec<i64> = unanswered(&waiting, &rules, now).map(|o| o.grant).collect();
    all.retain(|o| !ended.contains(&o.grant));
    let waiting: Vec<DueReview> = waiting
        .into_iter()
        .filter(|o| !ended.contains(&o.grant))
        .collect();
    let letters = letters(&waiting, &rules, who, now);
    for letter in &letters {
        who.mailed.insert(letter.to.clone(), now);
        for asked in letter
            .questions
            .iter()
            .filter(|o| o.is_to_be_asked(&rules, now))
        {
            let kept = all.iter_mut().find(|o| o.grant == asked.grant).unwrap();
            if kept.asked_at.is_none_or(|at| at == now) {
                kept.asked_at = Some(now);
            } else {
                kept.reminded_at = Some(now);
                kept.delivered_at = Some(now);
            }
        }
    }
    let told = |l: &ReviewRequest| {
        (
            l.to.written().to_owned(),
            l.questions.iter().map(|o| o.grant).collect(),
        )
    };
    (letters.iter().map(told).collect(), ended)
}

fn mail(to: &str, grants: &[i64]) -> Vec<(String, Vec<i64>)> {
    vec![(to.to_owned(), grants.to_vec())]
}

#[test]
fn what_nobody_answers_is_asked_reminded_and_ended() {
    let mut all = vec![open(1, Some("olga@acme.example"), 0)];
    let mut who = it();
    let mut told = Vec::new();
    for now in 80..130 {
        let (letters, ended) = pass(&mut all, &mut who, now);
        told.extend(letters.iter().map(|_| format!("mail {now}")));
        told.extend(ended.iter().map(|_| format!("end {now}")));
    }
    assert_eq!(told, ["mail 90", "mail 104", "end 118"]);
}

#[test]
fn an_owner_gets_one_mail_a_round_with_what_has_no_end_first() {
    let olga = "olga@acme.example";
    let mut with_end = open(1, Some(olga), 0);
    with_end.end = Some(day(400));
    let mut all = vec![
        with_end,
        open(2, Some(olga), 1),
        open(3, Some("OLGA@acme.example"), 0),
    ];
    let mut who = it();
    assert_eq!(
        pass(&mut all, &mut who, 90).0,
        mail("olga@acme.example", &[3, 1])
    );
    for now in 91..104 {
        assert_eq!(pass(&mut all, &mut who, now).0, [], "{now}");
    }
    assert_eq!(
        pass(&mut all, &mut who, 104).0,
        mail("olga@acme.example", &[3, 2, 1])
    );
    // What was asked a round later ends a round later.
    assert_eq!(
        pass(&mut all, &mut who, 118),
        (mail("olga@acme.example", &[2]), vec![1, 3])
    );
}

#[test]
fn where_mail_does_not_reach_an_owner_others_are_asked() {
    let mut all = vec![open(1, None, 0), open(2, Some("gone@acme.example"), 0)];
    let mut who = it();
    who.unreached.insert(email("Gone@acme.example"));
    assert_eq!(
        pass(&mut all, &mut who, 90).0,
        mail("it@acme.example", &[1, 2])
    );
}

#[test]
fn nobody_is_asked_where_nobody_can_be_and_so_nothing_ends() {
    let mut all = vec![open(1, None, 0)];
    let mut who = it();
    who.instead.clear();
    for now in 90..400 {
        assert_eq!(pass(&mut all, &mut who, now), (vec![], vec![]));
    }
}

#[test]
fn a_reminder_that_did_not_arrive_ends_nothing() {
    let mut waiting = open(1, None, 0);
    waiting.asked_at = Some(day(90));
    waiting.reminded_at = Some(day(104));
    assert_eq!(
        unanswered(&[waiting.clone()], &rules(), day(300)).count(),
        0
    );
    waiting.delivered_at = Some(day(110));
    assert_eq!(
        unanswered(&[waiting.clone()], &rules(), day(123)).count(),
        0
    );
    assert_eq!(
        unanswered(&[waiting.clone()], &rules(), day(124)).count(),
        1
    );
    let keeps = ReviewPolicy {
        unanswered_ends: false,
        ..rules()
    };
    assert_eq!(unanswered(&[waiting], &keeps, day(300)).count(), 0);
}

#[test]
fn what_may_stay_unanswered_is_asked_again_at_each_review() {
    let keeps = ReviewPolicy {
        unanswered_ends: false,
        ..rules()
    };
    let mut waiting = open(1, None, 0);
    waiting.asked_at = Some(day(90));
    for (now, again) in [(103, false), (104, true)] {
        assert_eq!(waiting.is_to_be_asked(&keeps, day(now)), again, "{now}");
    }
    waiting.reminded_at = Some(day(104));
    for (now, again) in [(118, false), (193, false), (194, true)] {
        assert_eq!(waiting.is_to_be_asked(&keeps, day(now)), again, "{now}");
    }
}

proptest! {
    #[test]
    fn nothing_ends_before_its_owner_had_two_mails_and_twice_the_wait(
        grants in prop::collection::vec((0_i64..60, prop::option::of(0_u8..3)), 1..20),
    ) {
        let mut all: Vec<DueReview> = (0..)
            .zip(&grants)
            .map(|(grant, (confirmed, owner))| {
                let owner = owner.map(|owner| format!("owner{owner}@acme.example"));
                open(grant, owner.as_deref(), *confirmed)
            })
            .collect();
        let mut who = it();
        let mut asked: Vec<Vec<i64>> = vec![Vec::new(); grants.len()];
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        for now in 85..260 {
            let (letters, ended) = pass(&mut all, &mut who, now);
            for (to, list) in letters {
                let before = last.insert(to.clone(), now);
                prop_assert!(before.is_none_or(|before| now - before >= 14), "{to} on {now}");
                for grant in list {
                    asked[usize::try_from(grant).unwrap()].push(now);
                }
            }
            for grant in ended {
                let mails = &asked[usize::try_from(grant).unwrap()];
                prop_assert!(mails.len() >= 2 && mails[1] - mails[0] >= 14 && now - mails[1] >= 14, "{mails:?}");
            }
        }
        prop_assert!(all.is_empty(), "everything was asked for and given up on");
    }
}
