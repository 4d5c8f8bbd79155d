//! Where a file comes from and what separates its fields, and what a dry run says of people who are
//! not there.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::desk::{Desk, Ran};
use crate::world::World;

fn from_stdin(desk: &Desk, more: &[&str], csv: &str) -> Ran {
    let args = [&["import", "-", "--record-only"], more].concat();
    let mut command = desk.command(&args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(csv.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_dash_is_stdin_and_faults_name_it_with_the_line() {
    let desk = Desk::new();
    let good = "email,target,end\njane@example.com,sentius:acme,2098-12-31\n";
    let bad = format!("{good}bob@example.com,sentius:acme,soon\n");
    from_stdin(&desk, &[], &bad).failed(2, "<stdin>: line 3: end: \"soon\" is not a time");
    let ran = from_stdin(&desk, &[], good);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "1 recorded, 0 amended, 0 unchanged\n"),
        "{}",
        ran.err
    );
    let shorter = good.replace("2098", "2097");
    let note = "<stdin>: line 2: note: another grant of this person on this target ends 2098";
    let ran = from_stdin(&desk, &[], &shorter);
    assert!(ran.err.contains(note), "{}", ran.err);
    assert_eq!(from_stdin(&desk, &[], "").code, Some(2));
}

#[test]
fn semicolons_separate_the_fields_where_the_first_line_says_so() {
    let desk = Desk::new();
    let csv = "\u{feff}email;target;permissions;name;end\r\n\
        jane@example.com;sentius:acme;can_read,can_use_api;\"Doe; Jane\";2098-12-31\r\n\
        bob@example.com;sapling:acme/Core;inspect edit;Bob, the first;\r\n\
        kim@example.com;sentius:acme;\"can_read; can_delegate\";;\r\n";
    assert_eq!(desk.import(csv), "3 recorded, 0 amended, 0 unchanged\n");
    let rows = desk.json(&["list", "--format", "json"]);
    let row = |email: &str| {
        let rows = rows.as_array().unwrap();
        let row = rows.iter().find(|row| row["email"] == email).unwrap();
        (row["permissions"].clone(), row["name"].clone())
    };
    let permissions = |words: &[&str]| json!(words);
    assert_eq!(
        row("jane@example.com"),
        (
            permissions(&["can_read", "can_use_api"]),
            json!("Doe; Jane")
        )
    );
    assert_eq!(
        row("bob@example.com"),
        (permissions(&["edit", "inspect"]), json!("Bob, the first"))
    );
    assert_eq!(
        row("kim@example.com"),
        (permissions(&["can_read", "can_delegate"]), Value::Null)
    );
    // The same rows with commas are the same grants.
    let commas = "email,target,permissions,name,end\n\
        jane@example.com,sentius:acme,can_read;can_use_api,Doe; Jane,2098-12-31\n";
    assert_eq!(desk.import(commas), "0 recorded, 0 amended, 1 unchanged\n");
}

#[test]
fn a_field_too_many_and_an_unknown_column_are_refused_in_such_a_file_too() {
    let desk = Desk::new();
    for (csv, said) in [
        (
            "email;target;permissions\na@example.com;sentius:acme;can_read;can_use_api\n",
            "semi.csv: line 2: there are 4 fields where the first line names 3 columns",
        ),
        (
            "email;target;permissions\na@example.com;sentius:acme;can_read,can_fly\n",
            "semi.csv: line 2: permissions: ",
        ),
        (
            "email;target;premissions\n",
            "semi.csv: line 1: \"premissions\" is not a column; the nearest known one is permissions",
        ),
        (
            "email;target,end\n",
            "semi.csv: line 1: \"email;target\" is not a column",
        ),
    ] {
        desk.write("semi.csv", csv);
        desk.run(&["import", "semi.csv", "--record-only"])
            .failed(2, said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_who_is_granted_a_team_and_is_not_there() {
    let world = World::new().await;
    world.team("Core", &["there@example.com"]);
    world.invite("Core", "invited@example.com");
    assert_eq!(world.run().await.code, 0);
    let file = world.path("people.csv");
    let args = [
        "import",
        file.to_str().unwrap(),
        "--record-only",
        "--dry-run",
    ];
    world.write(
        "people.csv",
        "email,target,end\nthere@example.com,sapling:acme/Core,\ninvited@example.com,sapling:acme/Core,\n\
         absent@example.com,sapling:acme/Core,\nover@example.com,sapling:acme/Core,2025-01-01\n\
         unread@example.com,sapling:acme/Later,\nanybody@example.com,sentius:acme,\n",
    );
    let printed = world.lapsed(&args).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let told = format!(
        "{}: line 4: note: absent@example.com is granted, and not there by the last reading of the team\n\
         1 end is past, the first of over@example.com on line 5: the next pass removes such access, unless it began after that\n\
         sapling:acme/Later: no reading has shown such a team (1 grant); the nearest is sapling:acme/Core\n",
        file.display()
    );
    assert_eq!(printed.stderr, told);
    assert!(
        printed
            .stdout
            .ends_with("6 recorded, 0 amended, 0 unchanged\n"),
        "{}",
        printed.stdout
    );
    let json = world
        .lapsed(&[&args[..], &["--format", "json"]].concat())
        .await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let said = |row: usize| &json["results"][row]["detail"];
    assert_eq!(said(0), &Value::Null);
    assert!(said(2).as_str().unwrap().contains("not there"), "{json:#}");
    assert!(world.list().await.is_empty(), "nothing was recorded");
}
