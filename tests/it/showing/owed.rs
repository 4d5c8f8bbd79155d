//! What is owed is one query: outcome, exit code, `status`, page and report cannot disagree.

mod unconfirmed;

use lapsed_sandbox::{Fault, TeamUser, When};
use serde_json::{Value, json};

use crate::world::asking::ask;
use crate::world::readings::{core, end_in_core, people};
use crate::world::{FUTURE, HOLDER, Mail, Outcome, PAST, World};

const BOB: &str = "bob@example.com";

async fn status(world: &World) -> (i32, Value) {
    let printed = world.lapsed(&["status", "--format", "json"]).await;
    let json = serde_json::from_str(&printed.stdout);
    (
        printed.code,
        json.unwrap_or_else(|_| panic!("{} {}", printed.stdout, printed.stderr)),
    )
}

async fn report(world: &World) -> Value {
    let printed = world.lapsed(&["report", "--format", "json"]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    serde_json::from_str(&printed.stdout).unwrap()
}

/// Pass, `status` and report say the same of what is owed.
async fn agree(world: &World, run: &Outcome) {
    let owed = &run.json["owed"];
    assert_eq!(&status(world).await.1["owed"], owed, "status");
    assert_eq!(&report(world).await["owed"], owed, "report");
    let nothing = owed.as_object().unwrap().values().all(|n| n == &json!(0));
    let errors = run.errors().is_empty();
    assert_eq!(
        run.code == 0,
        nothing && errors,
        "{owed} {:?}",
        run.errors()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_given_is_owed_until_it_is() {
    for target in ["sentius:acme", "sapling:acme/Core"] {
        let world = World::new().await;
        world.team("Core", &["amy@example.com"]);
        assert_eq!(world.run().await.code, 0);
        for faults in [world.sentius.faults(), world.sapling.faults()] {
            faults.always(When::method("POST"), Fault::status(503));
        }
        let grant = ["grant", BOB, "--target", target, "--end", FUTURE];
        assert_eq!(ask(&world, &grant).await.code, 3);
        for _ in 0..3 {
            let run = world.run().await;
            assert_eq!(run.code, 3, "{target}");
            assert_eq!(run.json["owed"]["give"], json!(1));
            agree(&world, &run).await;
            assert_eq!(status(&world).await.0, 3);
            world.later(20);
        }
        world.sentius.faults().clear();
        world.sapling.faults().clear();
        let run = world.run().await;
        assert_eq!(run.code, 0, "{target}: {:?}", run.errors());
        agree(&world, &run).await;
        let given = [world.whitelisted(), world.invited("Core")].concat();
        assert_eq!(given, [BOB]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_is_held_no_more_wherever_it_is_told() {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 2\n".to_owned();
    core(&world, &people(3));
    end_in_core(&world, &people(3), PAST).await;
    let run = world.run().await;
    assert_eq!(run.code, 4);
    assert_eq!(run.json["owed"]["remove"], json!(3));
    assert_eq!(run.json["owed"]["confirm"], json!(1));
    agree(&world, &run).await;

    assert_eq!(world.lapsed(&["approve", run.id()]).await.code, 0);

    let (_, status) = status(&world).await;
    assert_eq!(status["owed"]["confirm"], json!(0), "{status:#}");
    assert_eq!(status["owed"]["remove"], json!(3), "they are not done yet");
    let report = report(&world).await;
    assert_eq!(report["owed"], status["owed"]);
    let text = world.lapsed(&["report"]).await.stdout;
    assert!(!text.contains("lapsed approve"), "{text}");
    let run = world.run().await;
    assert_eq!(run.code, 0);
    agree(&world, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grace_a_persons_word_and_ends_count_alike_everywhere() {
    let mut world = World::new().await;
    world.config.policy = "grace = \"24h\"\n".to_owned();
    let p = people(4);
    core(&world, &p);
    world
        .grants(&[
            "p00@example.com,sapling:acme/Core,12h",
            "p01@example.com,sapling:acme/Core,12h",
            "p02@example.com,sapling:acme/Core,60h",
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.later(13 * 60);
    // One end is within the grace, one was cut by a word while the team cannot be reached.
    let delete = When::method("DELETE");
    world.sapling.faults().always(delete, Fault::status(503));
    let revoke = ["revoke", "p01@example.com", "--target", "sapling:acme/Core"];
    assert_eq!(world.lapsed(&revoke).await.code, 3);

    let run = world.run().await;

    assert_eq!(run.json["owed"]["remove"], json!(1), "{:?}", run.actions());
    agree(&world, &run).await;
    assert_eq!(
        run.found("member.unmanaged"),
        ["sapling:acme/Core p03@example.com"]
    );
    let uncovered = ["members", "--uncovered", "--format", "json"];
    let mut names: Vec<String> = Vec::new();
    for row in world.rows(&uncovered).await {
        names.push(row["email"].as_str().unwrap().to_owned());
    }
    names.retain(|name| name != HOLDER);
    names.sort();
    assert_eq!(names, ["p01@example.com", "p03@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_team_that_may_not_be_read_nobody_says_that_nobody_is_in_it() {
    let world = World::new().await;
    core(&world, &people(3));
    world
        .sapling
        .with(|state| state.set_forbidden("Core", true));
    end_in_core(&world, &people(1), PAST).await;
    let run = world.run().await;
    assert_eq!(run.found("team.forbidden"), ["sapling:acme/Core -"]);
    assert_eq!(run.code, 3, "somebody may be there");
    agree(&world, &run).await;
    let members = world
        .lapsed(&["members", "--target", "sapling:acme/Core"])
        .await;
    let text = members.stdout + &members.stderr;
    assert!(!text.contains("Nobody"), "{text}");
    assert!(!text.contains("0 members"), "{text}");
    let report = world.lapsed(&["report"]).await.stdout;
    assert!(report.contains("1 source unread"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_goes_to_an_address_that_the_provider_suppresses_and_says_so() {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    let organization = world.sapling.with(|state| {
        state.suppressed_access = true;
        state.suppressed = vec!["it@acme.example".to_owned()];
        state.organization_id.clone()
    });
    world.config.sapling += &format!("organization_id = \"{organization}\"\n");
    world.config.guard = "max_removals = 2\n".to_owned();
    core(&world, &people(3));
    end_in_core(&world, &people(3), PAST).await;
    let run = world.run().await;
    assert_eq!(
        run.mails(),
        ["hold it@acme.example sent", "report it@acme.example sent"]
    );
    assert_eq!(world.mail.mails().len(), 2);
    let text = world.mail_texts().join("\n");
    assert!(text.contains("it@acme.example"), "it is told:\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_granted_in_a_team_and_not_there_is_told_and_owed_nothing() {
    let world = World::new().await;
    core(&world, &people(1));
    world.invite("Core", "invited@example.com");
    world
        .grants(&[
            &format!("p00@example.com,sapling:acme/Core,{FUTURE}"),
            &format!("invited@example.com,sapling:acme/Core,{FUTURE}"),
            &format!("nowhere@example.com,sapling:acme/Core,{FUTURE}"),
            &format!("over@example.com,sapling:acme/Core,{PAST}"),
            "later@example.com,sapling:acme/Core,2099-01-01",
        ])
        .await;
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run.code, 0, "{:?}", run.json["owed"]);
        assert_eq!(
            run.found("grant.not_there"),
            [
                "sapling:acme/Core later@example.com",
                "sapling:acme/Core nowhere@example.com"
            ]
        );
        agree(&world, &run).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_of_the_key_is_no_candidate_of_any_rule() {
    let mut world = World::new().await;
    world.config.teams =
        "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\nfollow = \"sentius:acme\"\n"
            .to_owned();
    world.sapling.with(|state| {
        let team = state.add_team("Core");
        team.add_member(TeamUser::new(BOB, "2024-03-01T00:00:00Z".parse().unwrap()));
    });
    world.whitelist(&[HOLDER]);
    world
        .grants(&[&format!("{HOLDER},sentius:acme,{PAST}")])
        .await;
    let run = world.run().await;
    let teams: Vec<String> = run
        .actions()
        .into_iter()
        .filter(|a| a.contains("sapling:"))
        .collect();
    assert_eq!(
        teams,
        ["member.remove sapling:acme/Core bob@example.com team.max_age done verified"]
    );
    let run = world.run().await;
    assert_eq!((run.code, run.actions()), (0, vec![]));
    let text = world.lapsed(&["report"]).await.stdout;
    assert!(!text.contains("rotected"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_owed_to_nobody_whether_or_not_its_grant_is_closed() {
    let world = World::new().await;
    core(&world, &people(2));
    end_in_core(&world, &people(1), "12h").await;
    assert_eq!(world.run().await.code, 0);
    world.drop_member("Core", "p00@example.com");
    world.later(13 * 60);
    let run = world.run().await;
    assert_eq!(run.code, 0, "{:?}", run.json["owed"]);
    agree(&world, &run).await;
    world.later(11);
    let run = world.run().await;
    assert_eq!(
        run.json["counts"]["absent"],
        json!(1),
        "{:?}",
        run.actions()
    );
    agree(&world, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_is_owed_and_told() {
    let mut world = World::new().await;
    world.config.mail = Mail::Nobody;
    core(&world, &people(1));
    let run = world.run().await;
    assert_eq!(run.code, 3);
    assert_eq!(run.json["owed"]["mail"], json!(1));
    assert_eq!(status(&world).await.1["owed"], run.json["owed"]);
}
