//! Files that cannot be imported: every fault with its line, and nothing recorded.

use crate::desk::Desk;

const HEADER: &str = "email,target,name,permissions,role,start,end,owner,reason";
const GOOD: &str = "good@acme.example,sentius:acme,,,,,,,";

/// Imports and expects this fault, at this line.
#[track_caller]
fn refuses(desk: &Desk, csv: impl AsRef<[u8]>, line: u64, said: &str) {
    desk.write("grants.csv", csv);
    for extra in [&[][..], &["--dry-run"]] {
        let mut args = vec!["import", "grants.csv", "--record-only"];
        args.extend(extra);
        let ran = desk.run(&args);
        ran.failed(2, &format!("lapsed: grants.csv: line {line}: {said}"));
        assert_eq!(ran.err.lines().count(), 2, "{}", ran.err);
        assert!(ran.err.ends_with("\nnothing was recorded\n"), "{}", ran.err);
    }
}

#[track_caller]
fn is_empty(desk: &Desk) {
    assert_eq!(desk.good(&["list", "--format", "json"]), "[]\n");
    assert_eq!(desk.good(&["audit", "export"]), "");
}

#[test]
fn one_bad_row_stops_the_whole_file_and_is_told_with_its_line() {
    let desk = Desk::new();
    for (row, said) in [
        (
            "jane,sentius:acme,,,,,,,",
            "email: \"jane\" is not an address",
        ),
        (",sentius:acme,,,,,,,", "email: the address is empty"),
        (
            "a b@acme.example,sentius:acme,,,,,,,",
            "email: the address holds a space",
        ),
        (
            "jane@acme.example,acme,,,,,,,",
            "target: \"acme\" is not a target: there is no colon",
        ),
        (
            "jane@acme.example,sapling:acme,,,,,,,",
            "target: \"sapling:acme\" is not a target: the team is missing",
        ),
        (
            "jane@acme.example,sentius:emca,,,,,,,",
            "target: there is no sentius account named \"emca\"; configured are acme",
        ),
        (
            "jane@acme.example,sentius:acme,,,,,31.12.2026,,",
            "end: \"31.12.2026\" is not a time",
        ),
        (
            "jane@acme.example,sentius:acme,,,,,2026-02-30,,",
            "end: \"2026-02-30\" is no date that exists",
        ),
        (
            "jane@acme.example,sentius:acme,,,,,18:00:00,,",
            "end: \"18:00:00\" is a time of day without a date; write both, as in \"2026-11-22 18:00\"",
        ),
        (
            "jane@acme.example,sentius:acme,,,,never,,,",
            "start: \"never\" is no start",
        ),
        (
            "jane@acme.example,sentius:acme,,,,2026-12-01,2026-11-30,,",
            "end: 2026-11-30 is not after the start 2026-12-01",
        ),
        (
            "jane@acme.example,sentius:acme,,can_fly;can_read,,,,,",
            "permissions: \"can_fly\"",
        ),
        (
            "jane@acme.example,sentius:acme,,can_use_api,,,,,",
            "permissions: can_read is missing",
        ),
        (
            "jane@acme.example,sapling:acme/Core,,can_read,,,,,",
            "permissions: can_read is of a whitelist; a team knows edit, inspect",
        ),
        (
            "jane@acme.example,sentius:acme,,,admin,,,,",
            "role: a whitelist has no roles",
        ),
        (
            "jane@acme.example,sapling:acme/Core,,,king,,,,",
            "role: \"king\"",
        ),
        (
            "jane@acme.example,sentius:acme,,,,,,boss,",
            "owner: \"boss\" is not an address",
        ),
        (
            "jane@acme.example,sentius:acme,\"Jane\nDoe\",,,,,,",
            "name: a line break or another control character",
        ),
        (
            "jane@acme.example,sentius:acme,,,,,,,\u{1b}[31m",
            "reason: a line break or another control character",
        ),
        (
            "jane@acme.example,sentius:acme",
            "there are 2 fields where the first line names 9 columns",
        ),
        (
            "jane@acme.example",
            "there is 1 field where the first line names 9 columns",
        ),
        (
            "jane@acme.example,sentius:acme,,,,,,,,",
            "there are 10 fields where",
        ),
        (
            "jane@acme.example,\"sentius:acme,,,,,,,",
            "there are 2 fields where the first line names 9 columns; was a quote left open?",
        ),
    ] {
        let tail = if row.contains(",\"sentius") { "" } else { GOOD };
        refuses(&desk, format!("{HEADER}\n{GOOD}\n{row}\n{tail}\n"), 3, said);
    }
    let mut latin = format!("{HEADER}\n{GOOD}\njane@acme.example,sentius:acme,J").into_bytes();
    latin.extend(b"\xfcrgen,,,,,,\n");
    refuses(
        &desk,
        latin,
        3,
        "name: this is not UTF-8; save the file as UTF-8",
    );
    is_empty(&desk);
}

#[test]
fn faults_of_the_first_line_are_told() {
    let desk = Desk::new();
    for (csv, said) in [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (
            "email,target,premissions\n",
            "\"premissions\" is not a column; the nearest known one is permissions",
        ),
        ("email,target,email\n", "the column email stands twice"),
        ("email,end\n", "the column target is missing"),
        ("email,target,\n", "column 3 has no name"),
        ("email;target\n", "no row stands below the columns"),
        (
            "email\ttarget\n",
            "the columns are separated by tabs; save the file with commas or semicolons",
        ),
        ("email,target\n", "no row stands below the columns"),
        (
            "\u{feff}email,target\r\n\r\n",
            "no row stands below the columns",
        ),
    ] {
        refuses(&desk, csv, if csv == "\n\n" { 3 } else { 1 }, said);
    }
    let utf16: Vec<u8> = "email,target\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    refuses(
        &desk,
        [b"\xff\xfe", utf16.as_slice()].concat(),
        1,
        "the columns' names are not UTF-8",
    );
    is_empty(&desk);
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let desk = Desk::new();
    let bad = "bad,sentius:acme";
    let good = "good@acme.example,sentius:acme";
    for (csv, line) in [
        (format!("email,target\r\n{good}\r\n{bad}\r\n"), 3),
        (format!("email,target\n\n\n{good}\n\n{bad}"), 6),
        (format!("\r\n\r\nemail,target\r\n\r\n{bad}\r\n"), 5),
        (format!("email,target\r{good}\r{bad}\r"), 3),
        (format!("\u{feff}email,target\n{bad}\n"), 2),
    ] {
        refuses(&desk, &csv, line, "email: \"bad\"");
    }
    let csv = format!("email,target,reason\r\n{good},\"two\r\nlines\"\r\n\r\n{bad},\r\n");
    desk.write("grants.csv", csv);
    let ran = desk.run(&["import", "grants.csv", "--record-only"]);
    ran.failed(2, "grants.csv: line 2: reason: a line break");
    assert!(
        ran.err.contains("\ngrants.csv: line 5: email: \"bad\""),
        "{}",
        ran.err
    );
}

#[test]
fn many_faults_are_cut_short() {
    let desk = Desk::new();
    let rows = "bad,sentius:acme\n".repeat(1000);
    desk.write("grants.csv", format!("email,target\n{rows}"));
    let ran = desk.run(&["import", "grants.csv", "--record-only"]);
    ran.failed(2, "grants.csv: line 21: email");
    assert!(
        ran.err
            .ends_with("\nand 980 more faults\nnothing was recorded\n"),
        "{}",
        ran.err
    );
    is_empty(&desk);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let desk = Desk::new();
    desk.run(&["import", "none.csv", "--record-only"])
        .failed(2, "lapsed: none.csv: No such file or directory");
    desk.run(&["import", ".", "--record-only"])
        .failed(2, "lapsed: .: Is a directory");
}
