//! Tables that people read: whole words on terminals of any width, whole rows in a pipe, times in
//! their zone, and what is asked of `list`.

use serde_json::Value;

use super::terminals::on_a_terminal;
use crate::desk::Desk;

const GRANTS: &str = "email,target,start,end,owner,reason\n\
    kwame.mensah@example.com,sapling:acme/Contractors,2020-01-01,2099-12-31,Olga.Petrova@example.com,helps to move the archive until 2099-12-31 18:00 at the latest\n\
    li@example.com,sentius:acme,2020-01-01,,bo@example.com,\n\
    past@example.com,sentius:acme,2020-01-01,2020-12-31,olga.petrova@example.com,\n";
/// What no line may break.
const WHOLE: [&str; 5] = [
    "kwame.mensah@example.com",
    "sapling:acme/Contractors",
    "2099-12-31 23:59",
    "li@example.com",
    "past@example.com",
];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.import(GRANTS);
    desk
}

/// The lines that a terminal of this width shows.
fn lines(desk: &Desk, columns: &str, args: &str) -> Option<Vec<String>> {
    let shown = on_a_terminal(desk, &[("COLUMNS", columns)], args)?;
    Some(
        shown
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect(),
    )
}

/// How many days away a moment is depends on the day.
fn without_days(line: &str) -> String {
    let words = line.split(' ').collect::<Vec<_>>();
    let is_days = |at: &usize| words.get(at + 1) == Some(&"days");
    let told = words
        .iter()
        .enumerate()
        .map(|(at, word)| match is_days(&at) {
            true => "N",
            false => word,
        });
    told.collect::<Vec<_>>().join(" ")
}

fn first_words(lines: &[&str]) -> Vec<String> {
    let first = |line: &&str| line.split(' ').next().unwrap().to_owned();
    lines.iter().map(first).collect()
}

#[test]
fn no_address_target_or_moment_is_broken_whatever_the_width() {
    let desk = desk();
    for columns in [30, 60, 70, 80, 100, 120, 200] {
        let Some(lines) = lines(&desk, &columns.to_string(), "list") else {
            return;
        };
        let shown = lines.join("\n");
        for text in WHOLE {
            assert!(shown.contains(text), "{columns}: {text} in\n{shown}");
        }
        let table: Vec<&String> = lines.iter().take_while(|l| !l.contains(';')).collect();
        let stacked = !shown.starts_with("EMAIL");
        let too_long = table.iter().any(|line| line.len() > columns);
        assert!(stacked || !too_long, "{columns}:\n{shown}");
        assert_eq!(stacked, columns < 60, "{columns}:\n{shown}");
    }
}

#[test]
fn a_narrow_terminal_shows_what_matters_and_says_which_columns_it_leaves_out() {
    let desk = desk();
    let Some(at_80) = lines(&desk, "80", "list") else {
        return;
    };
    let at_80: Vec<String> = at_80.iter().map(|line| without_days(line)).collect();
    assert_eq!(
        at_80[..8].join("\n"),
        "EMAIL                     TARGET\n\
         \x20 STATE   END               FROM NOW       OWNER\n\
         past@example.com          sentius:acme\n\
         \x20 ended   2020-12-31 23:59  N days ago  olga.petrova@example.com\n\
         kwame.mensah@example.com  sapling:acme/Contractors\n\
         \x20 active  2099-12-31 23:59  in N days  Olga.Petrova@example.com\n\
         li@example.com            sentius:acme\n\
         \x20 active  never                            bo@example.com"
    );
    assert_eq!(
        at_80[8..],
        [
            "not shown: START, REASON; use a wider terminal or --columns",
            "3 grants; times in Europe/Berlin",
        ]
    );
    let at_120 = lines(&desk, "120", "list").unwrap();
    let heads: Vec<&str> = at_120[0].split_whitespace().skip(2).collect();
    assert_eq!(heads, ["STATE", "END", "FROM", "NOW", "OWNER"]);
    assert!(at_120[4].contains(": START, REASON;"), "{at_120:?}");
    // What is asked for by name is never left out.
    let asked = "list --target sentius:acme --columns email,start,end,owner,target,name";
    let asked = lines(&desk, "60", asked).unwrap();
    assert_eq!(
        asked[6..11],
        [
            "li@example.com",
            "  start     2020-01-01 00:00",
            "  end       never",
            "  owner     bo@example.com",
            "  target    sentius:acme",
        ]
    );
}

#[test]
fn what_all_grants_have_in_common_is_told_once_where_the_width_is_too_small() {
    let desk = Desk::new();
    desk.import(
        "email,target,start,end\n\
         kwame.mensah@example.com,sapling:acme/Contractors,2020-01-01,2099-12-31\n\
         camille.dubois@example.com,sapling:acme/Contractors,2020-01-01,never\n",
    );
    let Some(at_80) = lines(&desk, "80", "list") else {
        return;
    };
    let at_80: Vec<String> = at_80.iter().map(|line| without_days(line)).collect();
    assert_eq!(
        at_80[..4].join("\n"),
        "EMAIL                       END               FROM NOW       START\n\
         kwame.mensah@example.com    2099-12-31 23:59  in N days  2020-01-01 00:00\n\
         camille.dubois@example.com  never                            2020-01-01 00:00\n\
         the same in all rows: TARGET sapling:acme/Contractors, STATE active"
    );
    // One grant alone has nothing in common with others.
    let one = lines(&desk, "60", "list --never-ends").unwrap();
    assert!(
        one[0].starts_with("EMAIL") && one[0].ends_with("TARGET"),
        "{one:?}"
    );
}

#[test]
fn in_a_pipe_each_row_is_a_line_with_all_columns() {
    let desk = desk();
    let mut command = desk.command(&["list"]);
    let output = command.env("COLUMNS", "40").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    for head in [
        "EMAIL", "TARGET", "STATE", "END", "FROM NOW", "START", "ROLE", "OWNER", "REASON",
    ] {
        assert!(lines[0].contains(head), "{shown}");
    }
    assert!(lines[1].contains(" days ago "), "{shown}");
    assert!(lines[2].contains("2099-12-31 23:59  in "), "{shown}");
    assert!(
        lines[2].ends_with("until 2099-12-31 18:00 at the latest"),
        "{shown}"
    );
    assert!(
        !shown.contains('\u{1b}') && !shown.contains(".999"),
        "{shown}"
    );
}

#[test]
fn the_table_is_sorted_by_end_and_what_programs_read_as_before() {
    let desk = desk();
    let table = desk.good(&["list"]);
    let lines: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(
        first_words(&lines),
        [
            "past@example.com",
            "kwame.mensah@example.com",
            "li@example.com"
        ]
    );
    let csv = desk.good(&["list", "--format", "csv"]);
    let rows = desk.json(&["list", "--format", "json"]);
    let rows = rows.as_array().unwrap();
    for (line, row) in csv.lines().skip(1).zip(rows) {
        assert!(line.starts_with(row["email"].as_str().unwrap()), "{csv}");
    }
    let ends: Vec<&Value> = rows.iter().map(|row| &row["end"]).collect();
    assert_eq!(
        ends,
        ["2099-12-31T22:59:59.999Z", "2020-12-31T22:59:59.999Z", ""]
            .map(|end| match end {
                "" => Value::Null,
                end => end.into(),
            })
            .iter()
            .collect::<Vec<_>>()
    );
}

#[test]
fn states_have_colours_on_a_terminal_that_wants_them() {
    let desk = desk();
    let wants = [("TERM", "xterm"), ("COLUMNS", "120")];
    let Some(shown) = on_a_terminal(&desk, &wants, "list") else {
        return;
    };
    assert!(
        shown.contains("  \u{1b}[32mactive\u{1b}[0m  2099"),
        "{shown:?}"
    );
    assert!(
        shown.contains("  \u{1b}[31mended\u{1b}[0m   2020"),
        "{shown:?}"
    );
    let declines = [&wants[..], &[("NO_COLOR", "1")]].concat();
    let shown = on_a_terminal(&desk, &declines, "list").unwrap();
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn grants_are_found_by_their_owner_and_by_having_no_end() {
    let desk = desk();
    let found = |args: &[&str]| {
        let rows = desk.json(&[&["list", "--format", "json"], args].concat());
        let email = |row: &Value| row["email"].as_str().unwrap().to_owned();
        rows.as_array()
            .unwrap()
            .iter()
            .map(email)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(&["--owner", "olga.petrova@EXAMPLE.com"]),
        ["kwame.mensah@example.com", "past@example.com"]
    );
    assert_eq!(found(&["--owner", "nobody@example.com"]), [""; 0]);
    assert_eq!(found(&["--never-ends"]), ["li@example.com"]);
    assert_eq!(
        found(&["--never-ends", "--owner", "olga.petrova@example.com"]),
        [""; 0]
    );
    assert_eq!(
        found(&["--never-ends", "--as-of", "2020-06-30"]),
        ["li@example.com"]
    );
    desk.run(&["list", "--owner", " "])
        .failed(2, "--owner: the address is empty");
    let both = desk.run(&["list", "--never-ends", "--ending-within", "30d"]);
    assert_eq!(both.code, Some(2), "{}", both.err);
}

#[test]
fn columns_are_chosen_by_the_keys_of_the_json() {
    let desk = desk();
    let csv = desk.good(&["list", "--format", "csv", "--columns", "END, email"]);
    assert_eq!(
        csv.lines().collect::<Vec<_>>(),
        [
            "end,email",
            "2099-12-31T22:59:59.999Z,kwame.mensah@example.com",
            "2020-12-31T22:59:59.999Z,past@example.com",
            ",li@example.com",
        ]
    );
    let table = desk.good(&["list", "--columns", "owner,removed_at,permissions"]);
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        [
            "OWNER                     REMOVED AT  PERMISSIONS",
            "olga.petrova@example.com              can_read",
            "Olga.Petrova@example.com",
            "bo@example.com                        can_read",
        ]
    );
    for (columns, said) in [
        (
            "email,ownr",
            "--columns: \"ownr\" is not a column; the nearest known one is owner (there are email, target, name, permissions, role, start, end, owner, reason, state, removed_at)\n",
        ),
        ("email,EMAIL", "--columns: email stands twice"),
        ("", "--columns: \"\" is not a column"),
    ] {
        desk.run(&["list", "--columns", columns]).failed(2, said);
    }
    desk.run(&["list", "--format", "json", "--columns", "email"])
        .failed(2, "--columns: a row of JSON always has all keys");
}

#[test]
fn who_is_on_a_whitelist_is_said_to_be_unknown() {
    let desk = desk();
    let ran = desk.run(&["members", "--target", "sentius:acme"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert_eq!(
        ran.err,
        "sentius:acme: who is on it is not known: a whitelist cannot be listed; lapsed list --target sentius:acme shows its grants\n"
    );
}

#[test]
fn what_is_done_with_a_grant_is_told_in_the_same_times() {
    let desk = desk();
    let args = [
        "grant",
        "new@example.com",
        "--target",
        "sentius:acme",
        "--record-only",
    ];
    let granted =
        desk.run(&[&args[..], &["--start", "2020-01-01", "--end", "2099-06-30"]].concat());
    assert_eq!(granted.err, "times in Europe/Berlin\n");
    let ends = "2020-01-01 00:00  2099-06-30 23:59";
    assert!(
        granted.out.lines().nth(1).unwrap().ends_with(ends),
        "{}",
        granted.out
    );
    let why = desk.good(&["why", "new@example.com"]);
    assert!(
        why.starts_with("new@example.com (times in Europe/Berlin)\n"),
        "{why}"
    );
    assert!(why.contains("until 2099-06-30 23:59 (in "), "{why}");
    let history = desk.run(&["history", "new@example.com"]);
    assert!(
        history
            .out
            .contains("from 2020-01-01 00:00 until 2099-06-30 23:59"),
        "{}",
        history.out
    );
    assert_eq!(history.err, "1 event; times in Europe/Berlin\n");
    let why = desk.json(&["why", "new@example.com", "--format", "json"]);
    let verdict = why["targets"][0]["verdict"].as_str().unwrap();
    assert!(
        verdict.contains("until 2099-06-30 23:59:59 CEST"),
        "{verdict}"
    );
}
