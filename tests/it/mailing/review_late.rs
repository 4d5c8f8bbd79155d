//! A review that nobody answered in time: an answer that comes later, and an owner who could not be
//! asked.

use lapsed_sandbox::{MailFault, Times};
use serde_json::{Value, json};

use crate::mailing::review::{ASKED, GIVEN_UP, RECORDED, REMINDED, events, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_keep_after_nobody_answered_gives_the_end_back_while_the_access_is_there() {
    const LATER: &str = "2030-04-29T10:00:00Z";
    for (guard, protected) in [("", false), ("protected = [\"jane@example.com\"]\n", true)] {
        let mut world = world("end").await;
        world.config.guard += &format!("\n{guard}");
        world.whitelist(&["jane@example.com"]);
        world
            .owned_grants(
                RECORDED,
                &["jane@example.com,sentius:acme,2031-01-01T00:00:00Z,olga@acme.example"],
            )
            .await;
        for at in [ASKED, REMINDED, GIVEN_UP] {
            world.run_at(at).await;
        }
        assert_eq!(world.whitelisted().is_empty(), !protected);
        let keep = [
            "review",
            "keep",
            "jane@example.com",
            "--target",
            "sentius:acme",
        ];

        let kept = world.lapsed_at(LATER, &keep).await;

        if !protected {
            assert_eq!(
                (kept.code, kept.stdout.as_str()),
                (3, ""),
                "{}",
                kept.stderr
            );
            assert!(kept.stderr.contains("too late"), "{}", kept.stderr);
            assert!(events(&world, "review.kept").is_empty());
            continue;
        }
        assert_eq!(
            (kept.code, kept.stdout.as_str()),
            (0, "jane@example.com keeps sentius:acme (1 grant)\n"),
            "{}",
            kept.stderr
        );
        let back = &events(&world, "grant.extended")[0];
        assert_eq!(back["end"], "2031-01-01T00:00:00Z");
        assert!(
            back["was"]
                .as_str()
                .unwrap()
                .starts_with("2030-04-29T09:15"),
            "{back}"
        );
        assert_eq!(events(&world, "review.kept").len(), 1);
        let row = &world.list().await[0];
        assert_eq!(
            (&row["end"], &row["removed_at"]),
            (&json!("2031-01-01T00:00:00Z"), &Value::Null)
        );
        let (run, _) = world.run_at("2030-04-29T11:00:00Z").await;
        assert_eq!(run.json["actions"], json!([]));
        world.trail_is_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_owners_mail_was_refused_others_are_asked() {
    let world = world("end").await;
    world
        .owned_grants(
            RECORDED,
            &["jane@example.com,sentius:acme,never,Olga@acme.example"],
        )
        .await;
    world.mail.add_fault(
        Times::Always,
        MailFault::RefuseRecipient {
            address: "Olga@acme.example".to_owned(),
            code: 550,
        },
    );
    let (run, _) = world.run_at(ASKED).await;
    assert!(
        run.mails()
            .contains(&"review Olga@acme.example refused".to_owned()),
        "{:?}",
        run.mails()
    );
    let (_, letters) = world.run_at(REMINDED).await;
    let to: Vec<&str> = letters.iter().map(|letter| letter.to.as_str()).collect();
    assert_eq!(to, ["it@acme.example"]);
}
