//! `why`: a person's access at this moment, what it rests on, and what comes next, which must be
//! what a pass then does.

use jiff::{SignedDuration, Timestamp};
use lapsed_sandbox::{Fault, When};
use serde_json::Value;

use crate::world::{FUTURE, PAST, World};

/// What `why` says of a person, as JSON.
async fn why(world: &World, email: &str) -> Value {
    let printed = world.lapsed(&["why", email, "--format", "json"]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    serde_json::from_str(&printed.stdout).unwrap()
}

/// What `why` says of a person with one target: the verdict, and what comes next with its state.
async fn one(world: &World, email: &str) -> (String, String) {
    let said = why(world, email).await;
    let [place] = said["targets"].as_array().unwrap().as_slice() else {
        panic!("{said:#}");
    };
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let next = place["next"].as_array().unwrap().iter();
    let next = next.map(|n| {
        format!(
            "{} {} {}",
            word(n, "what"),
            word(n, "reason"),
            word(n, "state")
        )
    });
    let next: Vec<String> = next.collect();
    let verdict = format!("{}: {}", word(place, "access"), word(place, "verdict"));
    (verdict, next.join(", "))
}

#[track_caller]
fn says((verdict, next): &(String, String), wanted: &str, coming: &str) {
    let (access, words) = wanted.split_once(": ").unwrap();
    assert!(verdict.starts_with(&format!("{access}: ")), "{verdict}");
    assert!(verdict.contains(words), "{words:?} is not in {verdict:?}");
    assert_eq!(next, coming, "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_grant_is_explained_at_each_of_its_stages() {
    let world = World::new().await;
    world.whitelist(&["Jane@Example.com", "bob@example.com"]);
    world
        .import("email,target,start,end,owner,reason\nJane@Example.com,sentius:acme,2024-01-01,40d,it@acme.example,audit\n")
        .await;

    let said = one(&world, "jane@EXAMPLE.com").await;
    says(
        &said,
        "yes: has access until",
        "whitelist.remove grant.ended coming",
    );
    let text = world.lapsed(&["why", "jane@example.com"]).await.stdout;
    for words in [
        "Jane@Example.com (times in UTC)\n",
        "\nsentius:acme: has access until ",
        " (in 39 days)\n",
        "can_read; owner it@acme.example; reason: audit; recorded ",
        "[event 1]\n",
        "a whitelist cannot be read\n",
        "to be removed from the whitelist ",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }

    world
        .grants(&[&format!("bob@example.com,sentius:acme,{PAST}")])
        .await;
    let said = one(&world, "bob@example.com").await;
    says(
        &said,
        "overdue: still has access that was over 2025-06-30 12:00:00 UTC",
        "whitelist.remove grant.ended due",
    );

    let fault = Fault::status(403);
    world.sentius.faults().once(When::method("DELETE"), fault);
    world.run().await;
    let said = one(&world, "bob@example.com").await;
    says(
        &said,
        "overdue: still has access",
        "whitelist.remove grant.ended failed",
    );
    let text = world.lapsed(&["why", "bob@example.com"]).await.stdout;
    assert!(
        text.contains("attempt 1 failed (refused with 403"),
        "{text}"
    );
    assert!(text.contains("tried again "), "{text}");

    world.run().await;
    let said = one(&world, "bob@example.com").await;
    says(
        &said,
        "no: acknowledged by the provider; a whitelist cannot be read back (grant ended)",
        "",
    );
    let rows = why(&world, "bob@example.com").await;
    let action = &rows["targets"][0]["actions"][0];
    assert_eq!(
        (&action["state"], &action["evidence"]),
        (&"done".into(), &"acknowledged".into())
    );
    assert_eq!(action["event"]["hash"].as_str().unwrap().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_s_members_are_explained_by_what_was_read() {
    let world = World::new().await;
    world.team(
        "Core",
        &["ann@example.com", "bob@example.com", "eve@example.com"],
    );
    world.invite("Core", "dee@example.com");
    world
        .grants(&[
            &format!("ann@example.com,sapling:acme/Core,{FUTURE}"),
            &format!("bob@example.com,sapling:acme/Core,{PAST}"),
            &format!("fay@example.com,sapling:acme/Core,{FUTURE}"),
        ])
        .await;
    let said = one(&world, "ann@example.com").await;
    says(
        &said,
        "unseen: and the team has not been read yet",
        "member.remove grant.ended coming",
    );

    world.dry_run(None).await;
    let said = one(&world, "ann@example.com").await;
    says(
        &said,
        "yes: has access until 2099-12-31",
        "member.remove grant.ended coming",
    );
    let said = one(&world, "bob@example.com").await;
    says(
        &said,
        "overdue: still has access",
        "member.remove grant.ended due",
    );
    let said = one(&world, "dee@example.com").await;
    says(
        &said,
        "invited: first seen pending",
        "invite.revoke invite.stale coming",
    );
    let said = one(&world, "eve@example.com").await;
    says(
        &said,
        "yes: without a grant that covers it and without an end",
        "",
    );
    let said = one(&world, "fay@example.com").await;
    says(&said, "unseen: no membership, as read", "");

    world.run().await;
    let said = one(&world, "bob@example.com").await;
    says(&said, "no: verified by reading the team (grant ended)", "");
    world.drop_member("Core", "eve@example.com");
    world.run().await;
    let said = one(&world, "eve@example.com").await;
    says(&said, "unseen: may have access", "");
    world.later(10);
    world.run().await;
    let said = one(&world, "eve@example.com").await;
    says(&said, "no: left the team by ", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_before_a_removal_is_told() {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 1\nprotected = [\"*@board.example.com\"]".to_owned();
    world.config.policy = "grace = \"2d\"".to_owned();
    world.whitelist(&["a@example.com", "b@example.com", "c@board.example.com"]);
    world.team("Core", &["last@example.com"]);
    let yesterday = lapsed::clock::now() - SignedDuration::from_hours(24);
    world
        .grants(&[
            &format!("a@example.com,sentius:acme,{PAST}"),
            &format!("b@example.com,sentius:acme,{PAST}"),
            &format!("c@board.example.com,sentius:acme,{PAST}"),
            &format!("d@example.com,sentius:acme,{yesterday}"),
            "later@example.com,sentius:acme,40d",
        ])
        .await;
    let run = world.run().await;
    assert_eq!(run.code, 4);

    let said = one(&world, "a@example.com").await;
    says(
        &said,
        "overdue: still has access",
        "whitelist.remove grant.ended held",
    );
    let text = world.lapsed(&["why", "a@example.com"]).await.stdout;
    assert!(
        text.contains(&format!("lapsed approve {}:", run.short())),
        "{text}"
    );
    assert!(text.contains("max_removals = 1"), "{text}");
    let said = one(&world, "c@board.example.com").await;
    says(
        &said,
        "overdue: and keeps it: protected",
        "whitelist.remove grant.ended protected",
    );
    let text = world.lapsed(&["why", "c@board.example.com"]).await.stdout;
    assert!(
        text.contains("protected by *@board.example.com: never removed (guard.protected)"),
        "{text}"
    );
    let said = one(&world, "d@example.com").await;
    assert!(
        said.0
            .contains("the provider ends an entry that carries this end"),
        "{}",
        said.0
    );
    says(
        &said,
        "yes: and grace runs",
        "whitelist.remove grant.ended coming",
    );
    let until = &why(&world, "d@example.com").await["targets"][0]["until"];
    let until: Timestamp = until.as_str().unwrap().parse().unwrap();
    assert_eq!(
        until.as_second(),
        (yesterday + SignedDuration::from_hours(48)).as_second()
    );

    world
        .sapling
        .faults()
        .always(When::any(), Fault::status(503));
    world
        .grants(&[&format!("last@example.com,sapling:acme/Core,{PAST}")])
        .await;
    world.run().await;
    let said = one(&world, "last@example.com").await;
    says(
        &said,
        "overdue: still has access",
        "member.remove grant.ended waiting",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_no_access_before_the_provider_has_said_yes() {
    let world = World::new().await;
    let jane = ["jane@example.com", "--target", "sentius:acme"];
    let fault = Fault::status(403);
    world.sentius.faults().once(When::any(), fault);
    world
        .lapsed(&[&["grant"], &jane[..], &["--end", FUTURE, "--by", "ann"]].concat())
        .await;
    let said = one(&world, "jane@example.com").await;
    says(
        &said,
        "unseen: and not given yet",
        "whitelist.remove grant.ended coming, whitelist.add - failed",
    );
    let text = world.lapsed(&["why", "jane@example.com"]).await.stdout;
    assert!(text.contains("asked for by ann (lapsed grant)"), "{text}");

    world.run().await;
    let said = one(&world, "jane@example.com").await;
    says(
        &said,
        "yes: has access until 2099-12-31",
        "whitelist.remove grant.ended coming",
    );
    let text = world.lapsed(&["why", "jane@example.com"]).await.stdout;
    assert!(
        text.contains("given     the whitelist took the entry "),
        "{text}"
    );

    world.lapsed(&[&["revoke"], &jane[..]].concat()).await;
    let said = one(&world, "jane@example.com").await;
    says(&said, "no: removed from the whitelist", "");
    let rows = world
        .rows(&["history", "jane@example.com", "--format", "json"])
        .await;
    let told: Vec<String> = rows
        .iter()
        .map(|r| {
            format!(
                "{}: {}",
                r["kind"].as_str().unwrap(),
                r["text"].as_str().unwrap()
            )
        })
        .collect();
    for words in [
        "provision.planned: to be put on the whitelist, not before ",
        "provision.result: to be put on the whitelist: attempt 1 failed: ",
        "provision.result: the whitelist took the entry",
        "grant.revoked: grant ended by a person",
        "action.result: removed from the whitelist (grant revoked)",
    ] {
        assert!(
            told.iter().any(|line| line.starts_with(words)),
            "{words:?} is not in\n{told:#?}"
        );
    }
}

/// What is announced, as `what target email reason`, with the moment.
fn announced(said: &Value) -> Vec<(Timestamp, String)> {
    let mut all = Vec::new();
    for place in said["targets"].as_array().unwrap() {
        for next in place["next"].as_array().unwrap() {
            if next["state"] != "coming" || next["what"] == "grant.starts" {
                continue;
            }
            let words = [
                &next["what"],
                &place["target"],
                &said["email"],
                &next["reason"],
            ];
            let words: Vec<&str> = words.iter().map(|w| w.as_str().unwrap()).collect();
            all.push((
                next["at"].as_str().unwrap().parse().unwrap(),
                words.join(" "),
            ));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_is_what_a_pass_then_does_and_not_before() {
    let mut world = World::new().await;
    world.config.teams = "[[sapling.team]]\nname = \"Aged\"\nmax_age = \"8000d\"\n\
                          [[sapling.team]]\nname = \"Follows\"\nfollow = \"sentius:acme\"\n"
        .to_owned();
    world.config.policy = "grace = \"36h\"".to_owned();
    let people = [
        "ann@example.com",
        "Bob@Example.com",
        "cyd@example.com",
        "dee@example.com",
        "eve@example.com",
    ];
    world.whitelist(&people);
    for team in ["Core", "Aged", "Follows"] {
        world.team(team, &people);
    }
    world.invite("Core", "fay@example.com");
    world.invite("Follows", "gus@example.com");
    world
        .import(
            "email,target,role,start,end\n\
             ann@example.com,sentius:acme,,2024-01-01,10d\n\
             ann@example.com,sentius:acme,,5d,20d\n\
             ann@example.com,sapling:acme/Core,,2024-01-01,never\n\
             bob@example.com,sentius:acme,,2024-01-01,30d\n\
             bob@example.com,sapling:acme/Follows,,2024-01-01,50d\n\
             bob@example.com,sapling:acme/Core,manager,2024-01-01,12d\n\
             cyd@example.com,sapling:acme/Aged,,2024-01-01,9000d\n\
             dee@example.com,sapling:acme/Core,,40d,60d\n\
             dee@example.com,sentius:acme,,2024-01-01,3h\n\
             eve@example.com,sapling:acme/Core,admin,2024-01-01,4d\n\
             eve@example.com,sapling:acme/Core,,2024-01-01,6d\n\
             fay@example.com,sapling:acme/Core,,2024-01-01,3d\n\
             gus@example.com,sentius:acme,,2024-01-01,7d\n",
        )
        .await;
    world.dry_run(None).await;

    let mut expected = Vec::new();
    for email in people.iter().chain(&["fay@example.com", "gus@example.com"]) {
        expected.extend(announced(&why(&world, email).await));
    }
    assert!(expected.len() >= 14, "{expected:#?}");
    let mut moments: Vec<Timestamp> = expected.iter().map(|(at, _)| *at).collect();
    moments.sort();
    moments.dedup();
    let planned = |run: &crate::world::Outcome| -> Vec<String> {
        let actions = run.json["actions"].as_array().unwrap().iter();
        let words = |a: &Value| {
            let words =
                ["action", "target", "email", "reason"].map(|k| a[k].as_str().unwrap().to_owned());
            words.join(" ")
        };
        actions.map(words).collect()
    };
    for at in moments {
        let just_before = at - SignedDuration::from_millis(1);
        let before = planned(&world.dry_run(Some(&just_before.to_string())).await);
        let then = planned(&world.dry_run(Some(&at.to_string())).await);
        for (_, action) in expected.iter().filter(|(when, _)| *when == at) {
            let is_in = |list: &[String]| list.iter().any(|a| a.eq_ignore_ascii_case(action));
            assert!(is_in(&then), "{at}: {action} is not in {then:#?}");
            assert!(!is_in(&before), "{action} was due before {at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_nobody_knows_is_told_with_who_may_be_meant() {
    let world = World::new().await;
    world
        .grants(&[&format!("jane.doe@example.com,sentius:acme,{FUTURE}")])
        .await;
    for (asked, near) in [
        (
            "jane.deo@example.com",
            "; nearly the same: jane.doe@example.com",
        ),
        (
            "jane.doe@example.org",
            "; nearly the same: jane.doe@example.com",
        ),
        ("somebody@example.com", "the audit trail\n"),
    ] {
        for command in ["why", "history"] {
            let printed = world.lapsed(&[command, asked]).await;
            assert_eq!(
                (printed.code, printed.stdout.as_str()),
                (0, ""),
                "{}",
                printed.stderr
            );
            assert!(
                printed.stderr.contains("is not on record"),
                "{}",
                printed.stderr
            );
            assert!(printed.stderr.contains(near), "{}", printed.stderr);
        }
        assert_eq!(why(&world, asked).await["known"], false);
    }
    let printed = world.lapsed(&["why", " "]).await;
    assert_eq!(printed.code, 2, "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_target_can_be_asked_for_and_csv_has_a_row_a_target() {
    let world = World::new().await;
    world
        .grants(&[
            &format!("jane@example.com,sentius:acme,{FUTURE}"),
            &format!("jane@example.com,sapling:acme/Core,{FUTURE}"),
            &format!("bob@example.com,sentius:acme,{FUTURE}"),
        ])
        .await;
    let csv = world
        .lapsed(&["why", "jane@example.com", "--format", "csv"])
        .await
        .stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "email,target,access,until,verdict,next,next_state,next_at,seq,hash"
    );
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].starts_with("jane@example.com,sentius:acme,yes,2099-12-31T00:00:00Z,"),
        "{csv}"
    );
    let only = ["why", "bob@example.com", "--target", "sapling:acme/Core"];
    let printed = world.lapsed(&only).await;
    assert!(
        printed
            .stdout
            .contains("sapling:acme/Core: no access on record\n"),
        "{}",
        printed.stdout
    );
    let printed = world
        .lapsed(&["why", "bob@example.com", "--target", "sapling:acme/Crew"])
        .await;
    assert_eq!(printed.code, 2);
    assert!(
        printed.stderr.contains("is not on record"),
        "{}",
        printed.stderr
    );
}
