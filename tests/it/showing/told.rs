//! What people read is true and in their words: times in their zone, what ends a membership without a
//! grant, and what is on record only.

use crate::desk::Desk;
use crate::world::{FUTURE, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_tells_ends_as_people_say_them_and_programs_as_they_read_them() {
    let mut world = World::new().await;
    world.config.zone = "timezone = \"Europe/Berlin\"\n";
    world.team("Core", &["jane@example.com", "bob@example.com"]);
    let file = "email,target,end\njane@example.com,sapling:acme/Core,10d\nbob@example.com,sapling:acme/Core,\n";
    world.import(file).await;
    let json = world.run().await;
    let ending = json.json["findings"].as_array().unwrap().iter();
    let mut ending = ending.filter(|found| found["finding"] == "grant.ending");
    let detail = ending.next().unwrap()["detail"].as_str().unwrap();
    let end = detail.strip_prefix("ends ").unwrap();
    let end: jiff::Timestamp = end.parse().unwrap();
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let local = end.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string();

    let shown = world.lapsed(&["--run-now"]).await.stdout;

    let told = format!("\n  sapling:acme/Core  jane@example.com  ends {local} (in 9 days)\n");
    assert!(shown.contains(&told), "{told}: {shown}");
    assert!(shown.contains("\ntimes in Europe/Berlin\n"), "{shown}");
    assert!(!shown.contains('Z'), "{shown}");
    // The run's id as it is shown is one that commands take.
    let run = shown.strip_prefix("run ").unwrap();
    let run = run.split(':').next().unwrap();
    let undo = world.lapsed(&["undo", run]).await;
    assert!(
        undo.stderr
            .contains(&format!("nothing was removed in {run}")),
        "{}",
        undo.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_which_rule_ends_a_membership_without_a_grant() {
    let mut world = World::new().await;
    world.config.teams = "[[sapling.team]]\nname = \"Guests\"\nmax_age = \"36500d\"\n\
         [[sapling.team]]\nname = \"Support\"\nfollow = \"sentius:acme\"\n"
        .to_owned();
    world.config.guard = "protected = [\"boss@example.com\"]\n".to_owned();
    world.team("Core", &["jane@example.com"]);
    world.team("Guests", &["amy@example.com", "boss@example.com"]);
    world.team("Support", &["bob@example.com", "sam@example.com"]);
    world.whitelist(&["bob@example.com"]);
    let file = format!("email,target,end\nbob@example.com,sentius:acme,{FUTURE}\n");
    world.import(&file).await;
    assert_eq!(world.run().await.code, 0);

    let report = world.lapsed(&["report"]).await.stdout;

    let (_, list) = report
        .split_once("\nMembers without a grant (5)\n")
        .unwrap();
    let below = |person: &str| {
        let (_, after) = list.split_once(&format!("  {person}")).unwrap();
        let entry: Vec<&str> = after.lines().skip(1).take(2).collect();
        entry.join("\n")
    };
    // A hundred years after March 2024, when the members of this world joined.
    assert!(
        below("amy@").contains("ends 2124-02-06 00:00 (in "),
        "{list}"
    );
    assert!(below("amy@").contains("sapling.team.max_age"), "{list}");
    let bob = "ends 2099-12-31 00:00 (in ";
    assert!(below("bob@").contains(bob), "{list}");
    assert!(list.contains("with the grants on sentius:acme"), "{list}");
    for nothing in ["boss@", "sam@", "jane@"] {
        assert!(!below(nothing).contains("ends "), "{nothing}: {list}");
    }
    assert!(!report.contains("so nothing ends it"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_given_is_not_listed_as_active_while_lapsed_only_observes() {
    let mut world = World::new().await;
    world.config.guard = "observe_only = true\n".to_owned();
    world.whitelist(&["bob@example.com"]);
    let file = format!("email,target,end\nbob@example.com,sentius:acme,{FUTURE}\n");
    world.import(&file).await;
    let args = ["grant", "jane@example.com", "--target", "sentius:acme"];
    let granted = world.lapsed(&args).await;
    assert_eq!(granted.code, 0, "{}", granted.stderr);

    let state = async |world: &World| {
        let columns = ["list", "--columns", "email,state"];
        let table = world.lapsed(&columns).await.stdout;
        let rows = table.lines().skip(1);
        rows.map(|row| {
            row.split("  ")
                .filter(|cell| !cell.is_empty())
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(": ")
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(
        state(&world).await,
        ["bob@example.com: active", "jane@example.com: not given"]
    );
    let json = world.lapsed(&["list", "--format", "json"]).await.stdout;
    assert_eq!(json.matches("\"state\":\"active\"").count(), 2, "{json}");

    world.config.guard.clear();
    assert_eq!(world.run().await.code, 0);
    assert_eq!(
        state(&world).await,
        ["bob@example.com: active", "jane@example.com: active"]
    );
}

#[test]
fn an_unknown_team_and_a_past_end_are_told_where_nobody_is_called() {
    let desk = Desk::new();
    desk.write(
        "people.csv",
        "email,target,end\na@example.com,sentius:acme,2020-12-31\nb@example.com,sentius:acme,2020-12-31\n",
    );
    let import = ["import", "people.csv", "--record-only"];
    let told = "2 ends are past, the first of a@example.com on line 2: the next pass removes such access, unless it began after that\n";
    for args in [&[&import[..], &["--dry-run"]].concat()[..], &import] {
        let ran = desk.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), told), "{args:?}");
    }
    // Nothing new is said of what was there already.
    assert_eq!(desk.run(&import).err, "");
    let grant = ["grant", "c@example.com", "--target", "sentius:acme"];
    let grant = [&grant[..], &["--record-only", "--end", "2020-12-31"]].concat();
    let said = desk.run(&grant).err;
    assert!(
        said.starts_with("the end 2020-12-31 23:59 is past: the next pass removes this access"),
        "{said}"
    );
}
