//! The schemas of the JSON: real output keeps to them, and has no key that they do not describe.

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use lapsed_sandbox::{Fault, When};
use serde_json::{Value, json};

use crate::world::{FUTURE, Mail, PAST, World};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema")
}

fn described(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Lets no object have a key that is not listed.
fn seal(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if keys.contains_key("properties") {
                keys.insert("additionalProperties".to_owned(), false.into());
            }
            keys.values_mut().for_each(seal);
        }
        Value::Array(items) => items.iter_mut().for_each(seal),
        _ => {}
    }
}

/// A schema, compiled.
pub(crate) struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    pub(crate) fn of(name: &str) -> Self {
        let mut schema = described(name);
        seal(&mut schema);
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(name, schema).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile(name, &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn fault(&self, value: &Value) -> Option<String> {
        let checked = self.schemas.validate(value, self.index);
        checked.err().map(|error| format!("{error:#}\n{value:#}"))
    }

    #[track_caller]
    pub(crate) fn holds(&self, value: &Value) {
        if let Some(fault) = self.fault(value) {
            panic!("{fault}");
        }
    }
}

async fn json_of(world: &World, args: &[&str]) -> Value {
    let printed = world.lapsed(args).await;
    serde_json::from_str(&printed.stdout).unwrap_or_else(|_| panic!("{args:?}: {}", printed.stderr))
}

const PEOPLE: [&str; 8] = [
    "ann@example.com",
    "bob@example.com",
    "cyd@example.com",
    "dee@example.com",
    "eve@example.com",
    "fay@board.example.com",
    "gus@example.com",
    "nobody@example.com",
];

/// A world in which there is something in nearly every place of the output.
async fn lively() -> World {
    let mut world = World::new().await;
    world.config.mail = Mail::Directory;
    world.config.guard = "protected = [\"*@board.example.com\"]\nmax_removals = 4".to_owned();
    world.config.teams = "[[sapling.team]]\nname = \"Core\"\nmax_age = \"90d\"\n".to_owned();
    world.config.sapling += "organization_id = \"org\"\n";
    world.whitelist(&[
        "ann@example.com",
        "bob@example.com",
        "fay@board.example.com",
    ]);
    world.team("Core", &["cyd@example.com", "eve@example.com"]);
    world.team("Shut", &["gus@example.com"]);
    world.invite("Core", "dee@example.com");
    world.sapling.with(|state| {
        state.suppressed_access = true;
        state.suppressed.push("dee@example.com".to_owned());
    });

    world
        .import(&format!(
            "email,target,name,permissions,role,start,end,owner,reason\n\
             ann@example.com,sentius:acme,Ann,can_read;can_use_api,,2024-01-01,20d,it@acme.example,audit\n\
             bob@example.com,sentius:acme,,,,2024-01-01,{PAST},,\n\
             cyd@example.com,sapling:acme/Core,,,manager,2024-01-01,{PAST},,\n\
             cyd@example.com,sapling:acme/Core,,,,2024-01-01,never,,\n\
             eve@example.com,sapling:acme/Core,,,,30d,{FUTURE},,\n\
             fay@board.example.com,sentius:acme,,,,2024-01-01,{PAST},,\n\
             gus@example.com,sapling:acme/Shut,,,,2024-01-01,{PAST},,\n"
        ))
        .await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_printed_as_json_keeps_to_its_schema() {
    let world = lively().await;
    let schema =
        ["run", "list", "members", "why", "history", "report"].map(|name| (name, Schema::of(name)));
    let look = async |args: &[&str]| {
        let said = json_of(&world, args).await;
        let name = args[0].trim_start_matches("--").trim_end_matches("-now");
        let (_, schema) = schema.iter().find(|(known, _)| *known == name).unwrap();
        schema.holds(&said);
        said
    };
    let everything = async || {
        for person in PEOPLE {
            look(&["why", person, "--format", "json"]).await;
            look(&["history", person, "--format", "json"]).await;
        }
        for command in ["list", "members", "report"] {
            look(&[command, "--format", "json"]).await;
        }
        look(&["list", "--as-of", "2025-01-01", "--format", "json"]).await;
        look(&["members", "--as-of", "1h", "--format", "json"]).await;
    };
    let run = ["--run-now", "--format", "json"];

    everything().await;
    look(&[&run[..], &["--dry-run", "--at", "40d"]].concat()).await;
    everything().await;
    world
        .sentius
        .faults()
        .always(When::method("DELETE"), Fault::status(503));
    world
        .sapling
        .faults()
        .always(When::method("GET").path("suppressed"), Fault::status(500));
    look(&run).await;
    everything().await;
    world.sentius.faults().clear();
    world.sapling.faults().clear();
    look(&run).await;
    world.drop_member("Shut", "robot@acme.example");
    look(&run).await;
    everything().await;
    let more: Vec<String> = (0..6)
        .map(|n| format!("p{n}@example.com,sentius:acme,{PAST}"))
        .collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    world.grants(&more).await;
    let held = look(&run).await;
    assert_eq!(held["outcome"], "held");
    look(&["why", "p1@example.com", "--format", "json"]).await;
    everything().await;

    let events = Schema::of("audit-event");
    let trail = world.lapsed(&["audit", "export"]).await.stdout;
    assert!(trail.lines().count() > 20);
    for line in trail.lines() {
        events.holds(&serde_json::from_str(line).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gives_and_takes_keeps_to_its_schema_too() {
    let world = World::new().await;
    world.team("Core", &["bob@example.com"]);
    world.write(
        "more.csv",
        &format!("email,target,end\neve@example.com,sentius:acme,{FUTURE}\n"),
    );
    let file = world.path("more.csv");
    let jane = ["jane@example.com", "--target", "sentius:acme"];
    let grant = [&["grant"], &jane[..], &["--end", "10d"]].concat();
    let extend = [&["extend"], &jane[..], &["--end", FUTURE]].concat();
    let import = ["import", file.to_str().unwrap()];
    let look = async |schema: &str, args: &[&str]| {
        let said = json_of(&world, &[args, &["--format", "json"]].concat()).await;
        Schema::of(schema).holds(&said);
        let why = json_of(&world, &["why", "jane@example.com", "--format", "json"]).await;
        Schema::of("why").holds(&why);
        let history = json_of(&world, &["history", "jane@example.com", "--format", "json"]).await;
        Schema::of("history").holds(&history);
        said
    };
    let faults = world.sentius.faults();
    faults.once(When::method("POST"), Fault::status(500));
    let failed = look("given", &grant).await;
    assert_eq!(failed["results"][0]["state"], "unknown");
    look("run", &["--run-now"]).await;
    look("given", &extend).await;
    look("given", &import).await;
    let sourced = [&import[..], &["--source", "repo", "--prune"]].concat();
    let said = look("given", &sourced).await;
    assert_eq!(said["difference"][0]["change"], "+");
    look(
        "given",
        &["grant", "bob@example.com", "--target", "sapling:acme/Core"],
    )
    .await;
    look(
        "revoke-dry-run",
        &["revoke", "jane@example.com", "--dry-run"],
    )
    .await;
    let revoked = look("revoke", &["revoke", "jane@example.com"]).await;
    look("undo", &["undo", revoked["run"].as_str().unwrap()]).await;
    look(
        "revoke",
        &["revoke", "bob@example.com", "--target", "sapling:acme/Core"],
    )
    .await;
    look("status", &["status"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_tells_what_is_missing_wrong_or_not_described() {
    let world = lively().await;
    let schema = Schema::of("list");
    let said = json_of(&world, &["list", "--format", "json"]).await;
    schema.holds(&said);
    for (key, value) in [
        ("email", json!(null)),
        ("state", json!("gone")),
        ("target", json!("acme")),
        ("end", json!("tomorrow")),
        ("permissions", json!("can_read")),
        ("more", json!(1)),
    ] {
        let mut wrong = said.clone();
        wrong[0][key] = value;
        assert!(schema.fault(&wrong).is_some(), "{key}");
    }
    let mut short = said.clone();
    short[0].as_object_mut().unwrap().remove("owner");
    assert!(schema.fault(&short).is_some());
}

#[test]
fn every_schema_is_named_where_they_are_explained() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(schema) = name.strip_suffix(".json") else {
            continue;
        };
        assert!(readme.contains(&format!("[{name}]({name})")), "{name}");
        let described = described(schema);
        assert!(
            described["title"].as_str().unwrap().starts_with("lapsed "),
            "{name}"
        );
        Schema::of(schema);
        count += 1;
    }
    assert_eq!(readme.matches(".json](").count(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_review_keeps_to_its_schema() {
    let mut world = World::new().await;
    world.config.mail = Mail::Smtp;
    world.config.review = "[review]\nevery = \"1s\"\nunanswered = \"end\"\n".to_owned();
    world.team("Core", &["bob@example.com"]);
    world
        .import(
            "email,target,end,owner\nbob@example.com,sapling:acme/Core,never,olga@acme.example\n",
        )
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    world.run().await;
    for name in ["review", "report"] {
        let said = json_of(&world, &[name, "--format", "json"]).await;
        Schema::of(name).holds(&said);
        assert!(said.to_string().contains("bob@example.com"), "{said}");
    }
    let bob = [
        "bob@example.com",
        "--target",
        "sapling:acme/Core",
        "--format",
        "json",
    ];
    let kept = json_of(&world, &[&["review", "keep"], &bob[..]].concat()).await;
    Schema::of("review-keep").holds(&kept);
    let ended = json_of(&world, &[&["review", "end"], &bob[..]].concat()).await;
    Schema::of("run").holds(&ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_administrators_ask_keeps_to_its_schemas_whole_or_broken() {
    let mut world = World::new().await;
    world.config.guard = "max_removals = 1\n".to_owned();
    world.whitelist(&["ann@example.com", "bob@example.com"]);
    world
        .grants(&[
            &format!("ann@example.com,sentius:acme,{PAST}"),
            &format!("bob@example.com,sentius:acme,{PAST}"),
        ])
        .await;
    let held = world.run().await;
    let run = held.json["run"].as_str().unwrap().to_owned();
    world
        .sapling
        .faults()
        .always(When::method("GET"), Fault::status(401));

    let checked = json_of(&world, &["check", "--format", "json"]).await;
    Schema::of("check").holds(&checked);
    let states: Vec<_> = checked.as_array().unwrap().iter().collect();
    let state = |subject| states.iter().find(|c| c["subject"] == subject).unwrap()["state"].clone();
    assert_eq!(
        (state("database"), state("sentius:acme")),
        (json!("ok"), json!("unknown"))
    );
    assert_eq!(state("sapling:acme"), "failed");

    let approved = json_of(&world, &["approve", &run, "--format", "json"]).await;
    Schema::of("approve").holds(&approved);
    assert_eq!(approved["actions"], 2);

    let copy = world.path("copy.db").to_str().unwrap().to_owned();
    let copied = json_of(&world, &["backup", &copy, "--format", "json"]).await;
    Schema::of("backup").holds(&copied);
    assert_eq!(copied["file"], copy);

    let verify = ["audit", "verify", "--format", "json"];
    let whole = json_of(&world, &verify).await;
    Schema::of("audit-verify").holds(&whole);
    assert_eq!(whole["whole"], true);
    world.sql("DROP TRIGGER event_keeps; UPDATE event SET kind = 'other' WHERE seq = 2");
    let broken = json_of(&world, &verify).await;
    Schema::of("audit-verify").holds(&broken);
    assert_eq!(
        (&broken["whole"], &broken["broken_at"]),
        (&json!(false), &json!(2))
    );
    assert_eq!(world.lapsed(&verify).await.code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_word_against_doubt_and_debts_keeps_to_its_schemas() {
    let world = World::new().await;
    let people: Vec<String> = (0..12).map(|n| format!("p{n:02}@example.com")).collect();
    let names: Vec<&str> = people.iter().map(String::as_str).collect();
    world.team("Core", &names);
    assert_eq!(world.run().await.code, 0);
    world.sapling.with(|state| {
        for email in &people[3..] {
            state.team_mut("Core").unwrap().remove_member(email);
        }
    });
    world.later(20);
    world.whitelist(&["eve@example.com"]);
    world
        .grants(&[&format!("eve@example.com,sentius:acme,{PAST}")])
        .await;
    let fails = When::method("DELETE");
    world.sentius.faults().always(fails, Fault::status(403));
    assert_eq!(world.run().await.code, 3);

    let accepted = json_of(&world, &["accept", "sapling:acme/Core", "--format", "json"]).await;
    Schema::of("accept").holds(&accepted);
    assert_eq!(accepted["gone"], json!(people[3..]));

    let words = [
        "write-off",
        "eve@example.com",
        "--target",
        "sentius:acme",
        "--reason",
        "closed",
    ];
    let written_off = json_of(&world, &[&words[..], &["--format", "json"]].concat()).await;
    Schema::of("write-off").holds(&written_off);
    assert_eq!(written_off["removals"], 1);
    let told = json_of(&world, &["why", "eve@example.com", "--format", "json"]).await;
    Schema::of("why").holds(&told);
}
