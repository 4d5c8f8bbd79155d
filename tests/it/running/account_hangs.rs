//! An account that hangs or fails: access at the others ends in time, its own calls become rare, and
//! what waited for it is done soon after it answers again.

use std::time::{Duration, Instant};

use lapsed_sandbox::{Fault, When};

use crate::world::readings::people;
use crate::world::{Daemon, FUTURE, World, until, within};

const NEVER: &str = "pass = \"0 0 0 1 1 *\"\nreport = \"0 0 0 1 1 *\"\n";
const JANE: &str = "jane@example.com";
const LONG: Duration = Duration::from_secs(60);
/// A call that hangs is given up after ten seconds; the others have to be on time with that.
const IN_TIME: Duration = Duration::from_secs(17);

/// A daemon whose calls may take up to forty seconds.
async fn started() -> (World, Daemon) {
    let mut world = World::new().await;
    world.config.schedule = NEVER.to_owned();
    world.config.http = "timeout = \"40s\"\nrequests_per_second = 1000\n".to_owned();
    world.whitelist(&[JANE]);
    world.team("Core", &["bob@example.com", "amy@example.com"]);
    let daemon = Daemon::past_first_pass(&world).await;
    world.whitelist_is_known();
    world.forget_calls();
    (world, daemon)
}

fn soon(millis: i64) -> String {
    (lapsed::clock::now() + jiff::SignedDuration::from_millis(millis)).to_string()
}

fn calls(world: &World, method: &str) -> usize {
    let writes = world.writes();
    writes
        .iter()
        .filter(|call| call.starts_with(method))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gift_that_hangs_delays_no_end_at_another_account() {
    let (world, daemon) = started().await;
    world
        .sapling
        .faults()
        .always(When::method("POST"), Fault::Hang(LONG));
    let mut import = world.command(&[
        "grant",
        "new@example.com",
        "--target",
        "sapling:acme/Core",
        "--end",
        FUTURE,
    ]);
    let import = tokio::task::spawn_blocking(move || import.output());
    until("the gift hangs", || calls(&world, "POST") > 0).await;
    let begun = Instant::now();
    world
        .grants(&[&format!("{JANE},sentius:acme,{}", soon(1000))])
        .await;
    until("jane's end is acted on", || world.whitelisted().is_empty()).await;
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
    let said = import.await.unwrap().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("access had ended elsewhere"), "{said}");

    // Its next try is the daemon's own, and hangs too.
    let before = calls(&world, "POST");
    let again = || calls(&world, "POST") > before;
    within(Duration::from_secs(40), "it is tried again", again).await;
    let begun = Instant::now();
    world
        .grants(&[&format!("amy@example.com,sentius:acme,{}", soon(1000))])
        .await;
    world.whitelist(&["amy@example.com"]);
    until("amy's end is acted on", || world.whitelisted().is_empty()).await;
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_or_a_reading_that_hangs_delays_no_end_at_another_account() {
    for method in ["DELETE", "GET"] {
        let (world, daemon) = started().await;
        world
            .sapling
            .faults()
            .always(When::method(method), Fault::Hang(LONG));
        world
            .grants(&[&format!("bob@example.com,sapling:acme/Core,{}", soon(500))])
            .await;
        until("the call hangs", || {
            let calls = world.sapling_calls();
            calls.iter().any(|call| call.starts_with(method))
        })
        .await;
        let begun = Instant::now();
        world
            .grants(&[&format!("{JANE},sentius:acme,{}", soon(1000))])
            .await;
        until("jane's end is acted on", || world.whitelisted().is_empty()).await;
        assert!(begun.elapsed() < IN_TIME, "{method}: {:?}", begun.elapsed());
        world.sapling.faults().clear();
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_account_gets_few_calls_and_all_that_waited_once_it_answers_again() {
    let (world, daemon) = started().await;
    world
        .sentius
        .faults()
        .always(When::method("POST"), Fault::status(503));
    let mut csv = "email,target,end\n".to_owned();
    for email in people(60) {
        csv += &format!("{email},sentius:acme,{FUTURE}\n");
    }
    world.write("many.csv", &csv);
    let file = world.path("many.csv");
    let import = world.lapsed(&["import", file.to_str().unwrap()]).await;
    assert_eq!(import.code, 3, "{}", import.stderr);
    // Five are under way at first; each that fails lets in another until five have failed.
    let by_import = calls(&world, "POST");
    assert!((5..10).contains(&by_import), "{by_import} calls");

    let at_rest = || world.number("SELECT count(*) FROM provision WHERE state = 'intent'") == 0;
    let again = || calls(&world, "POST") >= by_import + 5 && at_rest();
    within(LONG, "the daemon tries again", again).await;
    let by_daemon = calls(&world, "POST");
    assert!(by_daemon < by_import + 10, "{by_daemon} calls");
    let probed = || calls(&world, "POST") > by_daemon && at_rest();
    within(LONG, "it tries once more after a rest", probed).await;
    assert_eq!(calls(&world, "POST"), by_daemon + 1);
    let passes = daemon.log().matches("pass ended").count();
    assert!(passes <= 4, "{passes} passes");
    let moments = "SELECT count(DISTINCT due_at) FROM provision WHERE settled_at IS NULL";
    until("they wait for the same moment", || {
        world.number(moments) == 1
    })
    .await;

    // One of them is refused for ever, and was there first: the others do not wait for that, nor for
    // the end of the rest once anything succeeds at the account.
    world.sentius.faults().clear();
    let first = When::method("POST").email("p00@example.com");
    world.sentius.faults().always(first, Fault::status(500));
    let new = [
        "grant",
        "new@example.com",
        "--target",
        "sentius:acme",
        "--end",
        FUTURE,
    ];
    assert_eq!(world.lapsed(&new).await.code, 0);
    until("all others are there", || world.whitelisted().len() == 61).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_revoked_while_another_account_hangs_is_removed_once_and_told_so() {
    let (world, daemon) = started().await;
    let hangs = When::method("POST");
    world.sapling.faults().always(hangs, Fault::Hang(LONG));
    let add = ["grant", "new@example.com", "--target", "sapling:acme/Core"];
    let mut gift = world.command(&[&add[..], &["--end", FUTURE]].concat());
    let gift = tokio::task::spawn_blocking(move || gift.output());
    until("the gift hangs", || calls(&world, "POST") > 0).await;
    let jane = format!("{JANE},sentius:acme,{FUTURE}");
    world.grants(&[&jane]).await;

    let revoke = ["revoke", JANE, "--target", "sentius:acme"];
    let said = world.lapsed(&revoke).await;

    assert_eq!(said.code, 0, "{} {}", said.stdout, said.stderr);
    assert!(
        said.stdout.contains("ended in sentius:acme"),
        "{}",
        said.stdout
    );
    assert_eq!(calls(&world, "DELETE"), 1, "{:?}", world.writes());
    gift.await.unwrap().unwrap();
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_that_hangs_is_called_rarely_though_ends_come_there_all_the_time() {
    let (world, daemon) = started().await;
    world
        .sentius
        .faults()
        .always(When::any(), Fault::Hang(LONG));
    let at = |n: i64| soon(1000 + n * 3000);
    let mut rows: Vec<String> = (0..14)
        .map(|n| format!("p{n}@example.com,sentius:acme,{}", at(n)))
        .collect();
    rows.push(format!("bob@example.com,sapling:acme/Core,{}", at(3)));
    rows.push(format!("amy@example.com,sapling:acme/Core,{}", at(13)));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let begun = Instant::now();
    world.grants(&rows).await;

    for (end, left) in [(10, 1), (40, 0)] {
        let end = Duration::from_secs(end);
        let gone = || world.members("Core").len() == left;
        within(LONG, "the member's end is acted on", gone).await;
        let late = begun.elapsed().saturating_sub(end);
        assert!(late < Duration::from_secs(20), "{late:?}: {}", daemon.log());
    }
    let asked = world.sentius.calls().len();
    assert!(asked <= 5, "{asked} calls");
    daemon.stop().await;
}
