//! Words of consequence: what is about to be done is shown before, and on a terminal somebody says
//! yes to it. A script is asked nothing.

use crate::world::{FUTURE, PAST, Printed, World, short};

const JANE: &str = "jane@example.com";
const BOB: &str = "bob@example.com";
const UNCHANGED: &str = "not confirmed; nothing was changed";

/// Jane is on the whitelist, a member of Core, and invited to Docs; so is bob on the whitelist.
async fn people() -> World {
    let world = World::new().await;
    world.whitelist(&[JANE, BOB]);
    world.team("Core", &[JANE]);
    world.team("Docs", &[]);
    world.invite("Docs", JANE);
    world
        .grants(&[
            &format!("{JANE},sentius:acme,{FUTURE}"),
            &format!("{JANE},sapling:acme/Core,"),
            &format!("{BOB},sentius:acme,{FUTURE}"),
        ])
        .await;
    assert_eq!(world.run().await.code, 0);
    world.forget_calls();
    world
}

/// So many people whose removals the guard holds, and the run that held them.
async fn held(people: usize) -> (World, String) {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 0".to_owned();
    world.overdue(people).await;
    let run = world.run().await;
    assert_eq!(run.code, 4);
    let id = run.id().to_owned();
    (world, id)
}

fn refused(shown: &Printed) {
    assert_eq!(shown.code, 2, "{}", shown.stdout);
    assert!(shown.stdout.contains(UNCHANGED), "{}", shown.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_revokes_everywhere_on_a_terminal_sees_where_and_is_asked() {
    let world = people().await;
    for typed in ["\n", "no\n", "why\n", ""] {
        let Some(shown) = world.on_a_terminal(&["revoke", JANE], typed).await else {
            return;
        };
        refused(&shown);
        for line in [
            "jane@example.com loses access to 3 targets:",
            "  sentius:acme: grant, entry, until 2099-12-31 00:00",
            "  sapling:acme/Core: grant, member, without an end",
            "  sapling:acme/Docs: invite, without a grant",
            "End it everywhere? [y/N]",
        ] {
            assert!(shown.stdout.contains(line), "{line}: {}", shown.stdout);
        }
        assert!(world.writes().is_empty(), "{:?}", world.writes());
        assert!(world.events().iter().all(|e| e.kind != "grant.revoked"));
    }

    let shown = world.on_a_terminal(&["revoke", JANE], "y\n").await.unwrap();

    assert_eq!(shown.code, 0, "{}", shown.stdout);
    assert!(!shown.stdout.contains("INFO"), "{}", shown.stdout);
    assert_eq!(world.whitelisted(), [BOB]);
    assert!(world.members("Core").is_empty() && world.invited("Docs").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_target_or_a_yes_beforehand_is_not_asked_about() {
    let world = people().await;
    let one = ["revoke", JANE, "--target", "sapling:acme/Core"];
    let Some(shown) = world.on_a_terminal(&one, "").await else {
        return;
    };
    assert_eq!(shown.code, 0, "{}", shown.stdout);
    assert!(!shown.stdout.contains("[y/N]"), "{}", shown.stdout);
    // Bob is nowhere else.
    let bob = world.on_a_terminal(&["revoke", BOB], "").await.unwrap();
    assert_eq!(bob.code, 0, "{}", bob.stdout);
    let yes = world.on_a_terminal(&["revoke", JANE, "--yes"], "").await;
    let yes = yes.unwrap();
    assert!(!yes.stdout.contains("[y/N]"), "{}", yes.stdout);
    assert_eq!((yes.code, world.whitelisted().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_approves_sees_who_loses_what_and_why_and_is_asked() {
    let (world, run) = held(25).await;
    let Some(shown) = world.on_a_terminal(&["approve", &run], "n\n").await else {
        return;
    };
    refused(&shown);
    for line in [
        &format!("held in run {}, 25 removals:", short(&run)),
        "p4@example.com on sentius:acme: to be removed from the whitelist; grant ended",
        "  and 5 more",
        "25 held: 25 removals in 24 hours would pass guard.max_removals = 0",
        "Let 25 removals go ahead? [y/N]",
    ] {
        assert!(shown.stdout.contains(line), "{line}: {}", shown.stdout);
    }
    assert!(world.events().iter().all(|e| e.kind != "hold.approved"));

    let yes = world.on_a_terminal(&["approve", &run], "YES\n").await;

    let yes = yes.unwrap();
    assert_eq!(yes.code, 0, "{}", yes.stdout);
    assert_eq!(world.run().await.json["counts"]["done"], 25);
    // What is refused anyway is not asked about.
    let again = world.on_a_terminal(&["approve", &run], "").await.unwrap();
    assert_eq!(again.code, 2);
    assert!(again.stdout.contains("already"), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_approves_is_shown_it_and_asked_nothing() {
    let (world, run) = held(2).await;
    let printed = world.lapsed(&["approve", &run]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_eq!(
        printed.stdout,
        "2 actions approved; the next pass does them\n"
    );
    let removal =
        "  p0@example.com on sentius:acme: to be removed from the whitelist; grant ended\n";
    assert!(printed.stderr.contains(removal), "{}", printed.stderr);
    assert!(!printed.stderr.contains("[y/N]"), "{}", printed.stderr);
    // What one person loses is not asked about on a terminal either.
    let (world, run) = held(1).await;
    if let Some(shown) = world.on_a_terminal(&["approve", &run], "").await {
        assert_eq!(shown.code, 0, "{}", shown.stdout);
        assert!(shown.stdout.contains(&removal[..14]), "{}", shown.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_undoes_a_run_sees_who_gets_what_back_and_is_asked() {
    let world = World::new().await;
    world.overdue(2).await;
    world.team("Core", &[JANE]);
    world
        .grants(&[&format!("{JANE},sapling:acme/Core,{PAST}")])
        .await;
    let run = world.run().await;
    assert_eq!(run.code, 0);
    let args = ["undo", run.id(), "--end", FUTURE];
    world.forget_calls();
    let Some(shown) = world.on_a_terminal(&args, "\n").await else {
        return;
    };
    refused(&shown);
    for line in [
        &format!("3 people get back what run {} removed:", run.short()),
        "  p1@example.com on sentius:acme, until 2099-12-31 00:00; removed: grant ended",
        "  jane@example.com on sapling:acme/Core, until 2099-12-31 00:00; removed: grant ended",
        "Give it back? [y/N]",
    ] {
        assert!(shown.stdout.contains(line), "{line}: {}", shown.stdout);
    }
    assert!(world.writes().is_empty(), "{:?}", world.writes());

    let script = world.lapsed(&args).await;

    assert_eq!(script.code, 0, "{}", script.stderr);
    assert!(
        script.stderr.contains("3 people get back"),
        "{}",
        script.stderr
    );
    assert_eq!(world.whitelisted().len(), 2);
}
