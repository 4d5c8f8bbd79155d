//! Files that are imported: what becomes of each row, and that a second time changes nothing.

use serde_json::{Value, json};

use crate::desk::Desk;

fn list(desk: &Desk) -> Vec<Value> {
    let rows = desk.json(&["list", "--format", "json"]);
    rows.as_array().cloned().unwrap_or_default()
}

#[test]
fn columns_stand_in_any_order_and_fields_may_be_quoted() {
    let desk = Desk::new();
    let csv = "\u{feff}Reason, END ,\"target\",Email,permissions,name,owner,role,start\r\n\
        \"said \"\"yes\"\", twice\",2026-07-31, sentius:acme ,Jane.Doe+x@Acme.example,can_use_api; can_read,\"Doe, Jane\",Boss@acme.example,,2026-01-01\r\n\
        ,,sapling:acme/Core Team,bob@acme.example,,,,manager,2026-03-29T12:00:00+02:00\r\n\
        ,never,sapling:acme/a/b,bob@acme.example,,,,,2026-01-01\r\n";
    assert_eq!(desk.import(csv), "3 recorded, 0 amended, 0 unchanged\n");
    let rows = list(&desk);
    let jane = rows
        .iter()
        .find(|row| row["target"] == "sentius:acme")
        .unwrap();
    let expected = json!({
        "email": "Jane.Doe+x@Acme.example", "target": "sentius:acme", "name": "Doe, Jane",
        "permissions": ["can_read", "can_use_api"], "role": null,
        // Midnight, and the last millisecond before midnight, in Berlin.
        "start": "2025-12-31T23:00:00Z", "end": "2026-07-31T21:59:59.999Z",
        "owner": "Boss@acme.example", "reason": "said \"yes\", twice",
        "state": jane["state"], "removed_at": null,
    });
    assert_eq!(*jane, expected);
    let core = rows
        .iter()
        .find(|row| row["target"] == "sapling:acme/Core Team")
        .unwrap();
    assert_eq!(core["start"], "2026-03-29T10:00:00Z");
    assert_eq!(
        (&core["role"], &core["end"]),
        (&json!("manager"), &Value::Null)
    );
    let odd = rows
        .iter()
        .find(|row| row["target"] == "sapling:acme/a/b")
        .unwrap();
    assert_eq!(
        (&odd["end"], &odd["permissions"]),
        (&Value::Null, &json!([]))
    );
}

#[test]
fn a_span_counts_from_the_import() {
    let desk = Desk::new();
    let before = lapsed::clock::now();
    desk.import("email,target,end\njane@acme.example,sentius:acme,36h\n");
    let after = lapsed::clock::now();
    let end: jiff::Timestamp = list(&desk)[0]["end"].as_str().unwrap().parse().unwrap();
    let span = jiff::SignedDuration::from_hours(36);
    assert!(before + span <= end && end <= after + span, "{end}");
}

#[test]
fn the_same_file_again_changes_nothing() {
    let desk = Desk::new();
    let csv = "email,target,end,owner\n\
        jane@acme.example,sentius:acme,14d,it@acme.example\n\
        bob@acme.example,sapling:acme/Core,2030-12-31,\n\
        amy@acme.example,sapling:acme/Core,,\n";
    assert_eq!(desk.import(csv), "3 recorded, 0 amended, 0 unchanged\n");
    let (rows, events) = (list(&desk), desk.good(&["audit", "export"]));
    let recorded = events.matches("\"kind\":\"grant.recorded\"").count();
    assert_eq!(recorded, 3);
    assert_eq!(desk.import(csv), "0 recorded, 0 amended, 3 unchanged\n");
    // Neither does another case of the address, nor another order.
    let other = csv.replace("bob@", "BOB@");
    assert_eq!(desk.import(other), "0 recorded, 0 amended, 3 unchanged\n");
    assert_eq!(list(&desk), rows);
    assert_eq!(desk.good(&["audit", "export"]), events);
}

#[test]
fn another_owner_amends_the_grant() {
    let desk = Desk::new();
    let csv = "email,target,end,owner\njane@acme.example,sentius:acme,14d,it@acme.example\n";
    desk.import(csv);
    let was = list(&desk);
    let amended = desk.import(csv.replace("it@", "hr@"));
    assert_eq!(amended, "0 recorded, 1 amended, 0 unchanged\n");
    let is = list(&desk);
    assert_eq!((is.len(), &is[0]["owner"]), (1, &json!("hr@acme.example")));
    assert_eq!(is[0]["end"], was[0]["end"], "a span is not counted anew");
    let events = desk.good(&["audit", "export"]);
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let events: Vec<Value> = events
        .filter(|e: &Value| e["kind"] != "rows.changed")
        .collect();
    let kinds: Vec<&Value> = events.iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["grant.recorded", "grant.amended"]);
    assert_eq!(events[1]["payload"]["owner"], "hr@acme.example");
}

#[test]
fn a_dry_run_tells_the_same_and_records_nothing() {
    let desk = Desk::new();
    desk.import("email,target,owner\njane@acme.example,sentius:acme,it@acme.example\n");
    let before = (list(&desk), desk.good(&["audit", "export"]));
    let csv = "email,target,owner\njane@acme.example,sentius:acme,hr@acme.example\n\
        new@acme.example,sentius:acme,\nNew@acme.example,sentius:acme,\n";
    desk.write("grants.csv", csv);
    let said = desk.good(&["import", "grants.csv", "--record-only", "--dry-run"]);
    let counts = "1 recorded, 1 amended, 1 unchanged\n";
    assert!(
        said.starts_with("dry run: ") && said.ends_with(counts),
        "{said}"
    );
    assert_eq!((list(&desk), desk.good(&["audit", "export"])), before);
    assert_eq!(desk.import(csv), counts, "and so it is");
}

#[test]
fn a_grant_that_another_one_outlasts_is_noted() {
    let desk = Desk::new();
    desk.import("email,target\njane@acme.example,sentius:acme\n");
    desk.write(
        "grants.csv",
        "email,target,end\r\njane@acme.example,sentius:acme,2030-12-31\r\n",
    );
    let ran = desk.run(&["import", "grants.csv", "--record-only"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "1 recorded, 0 amended, 0 unchanged\n")
    );
    assert_eq!(
        ran.err,
        "grants.csv: line 2: note: another grant of this person on this target has no end, and the last end counts\n"
    );
}

#[test]
fn ten_thousand_rows_are_no_trouble() {
    let desk = Desk::new();
    let mut csv = "email,target,end\n".to_owned();
    for number in 0..10_000 {
        csv += &format!(
            "person{number}@acme.example,sapling:acme/Team {},90d\n",
            number % 20
        );
    }
    assert_eq!(
        desk.import(&csv),
        "10000 recorded, 0 amended, 0 unchanged\n"
    );
    assert_eq!(
        desk.import(&csv),
        "0 recorded, 0 amended, 10000 unchanged\n"
    );
    assert_eq!(list(&desk).len(), 10_000);
    // One of each grant, and one of the twenty teams.
    assert!(
        desk.good(&["audit", "verify"])
            .starts_with("whole: 10001 events; head 10001:")
    );
}

#[test]
fn the_end_of_the_calendar_does_not_stop_an_import_and_comes_back_the_same() {
    let desk = Desk::new();
    let csv = "email,target,end\njane@acme.example,sentius:acme,9999-12-31T23:59:59Z\n";
    assert_eq!(desk.import(csv), "1 recorded, 0 amended, 0 unchanged\n");
    let row = &list(&desk)[0];
    assert_eq!(row["end"], "9999-12-30T22:00:00Z");
    let end = row["end"].as_str().unwrap();
    let again = format!("email,target,end\njane@acme.example,sentius:acme,{end}\n");
    assert_eq!(desk.import(&again), "0 recorded, 0 amended, 1 unchanged\n");
    assert_eq!(desk.import(csv), "0 recorded, 0 amended, 1 unchanged\n");
}

#[test]
fn spellings_of_one_address_are_one_grant() {
    let desk = Desk::new();
    let row = |email: &str| format!("email,target,end\n\"{email}\",sentius:acme,2099-01-01\n");
    desk.import(row("jörg@bücher.example"));
    for email in [
        "JÖRG@Bücher.example",
        "jo\u{308}rg@xn--bcher-kva.example",
        "\u{a0}jörg@bücher.example\u{3000}",
    ] {
        assert_eq!(
            desk.import(row(email)),
            "0 recorded, 0 amended, 1 unchanged\n",
            "{email}"
        );
    }
    assert_eq!(list(&desk)[0]["email"], "jörg@bücher.example");
}

#[test]
fn many_rows_are_recorded_in_order_and_once() {
    let desk = Desk::new();
    let mut csv = "email,target,end\n".to_owned();
    for n in 0..12_000 {
        csv.push_str(&format!("p{n}@acme.example,sentius:acme,2099-01-01\n"));
    }
    assert_eq!(
        desk.import(&csv),
        "12000 recorded, 0 amended, 0 unchanged\n"
    );
    assert_eq!(
        desk.import(&csv),
        "0 recorded, 0 amended, 12000 unchanged\n"
    );
    assert_eq!(list(&desk).len(), 12_000);
}
