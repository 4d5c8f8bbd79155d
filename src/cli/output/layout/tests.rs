//! Whatever is in a table and however wide the terminal is: no word is broken, no line too long.

use proptest::prelude::*;

use super::super::wrap::tests::{address, moment, prose};
use super::super::wrap::words;
use super::*;

const HEADS: [&str; 5] = ["EMAIL", "TARGET", "END", "OWNER", "REASON"];

fn plain(text: &str, _: Tone) -> String {
    text.to_owned()
}

fn table(rows: &[[&str; 5]]) -> Table {
    let mut table = Table::new(&HEADS)
        .gives_up(&["REASON", "OWNER"])
        .wraps(&["REASON"]);
    for row in rows {
        table.add(row.iter().map(|text| Cell::new(text)));
    }
    table
}

fn shown(table: &Table, width: usize) -> String {
    let Lines { lines, dropped, .. } = table.lines(Some(width), plain);
    let dropped = match dropped.is_empty() {
        true => String::new(),
        false => format!("\n- {}", dropped.join(", ")),
    };
    format!("{}{dropped}", lines.join("\n"))
}

const ROWS: [[&str; 5]; 2] = [
    [
        "kwame.mensah@example.com",
        "sapling:acme/R & D",
        "2026-12-31 23:59",
        "olga@example.com",
        "helps with the audit until 2026-12-31 23:59, as agreed",
    ],
    ["bo@example.com", "sentius:acme", "never", "", ""],
];

#[test]
fn what_fits_stands_on_one_line() {
    insta::assert_snapshot!(shown(&table(&ROWS), 200), @"
    EMAIL                     TARGET              END               OWNER             REASON
    kwame.mensah@example.com  sapling:acme/R & D  2026-12-31 23:59  olga@example.com  helps with the audit until 2026-12-31 23:59, as agreed
    bo@example.com            sentius:acme        never
    ");
}

#[test]
fn free_text_is_wrapped_first_and_a_date_keeps_its_time() {
    insta::assert_snapshot!(shown(&table(&ROWS), 110), @"
    EMAIL                     TARGET              END               OWNER             REASON
    kwame.mensah@example.com  sapling:acme/R & D  2026-12-31 23:59  olga@example.com  helps with the audit until
                                                                                      2026-12-31 23:59, as agreed
    bo@example.com            sentius:acme        never
    ");
}

#[test]
fn columns_are_given_up_in_their_order() {
    insta::assert_snapshot!(shown(&table(&ROWS), 90), @"
    EMAIL                     TARGET              END               OWNER
    kwame.mensah@example.com  sapling:acme/R & D  2026-12-31 23:59  olga@example.com
    bo@example.com            sentius:acme        never
    - REASON
    ");
    insta::assert_snapshot!(shown(&table(&ROWS), 65), @"
    EMAIL                     TARGET              END
    kwame.mensah@example.com  sapling:acme/R & D  2026-12-31 23:59
    bo@example.com            sentius:acme        never
    - OWNER, REASON
    ");
}

#[test]
fn rows_are_stacked_where_even_the_others_do_not_fit() {
    insta::assert_snapshot!(shown(&table(&ROWS), 40), @"
    kwame.mensah@example.com
      target  sapling:acme/R & D
      end     2026-12-31 23:59
      owner   olga@example.com
      reason  helps with the audit until
              2026-12-31 23:59, as agreed
    bo@example.com
      target  sentius:acme
      end     never
    ");
}

#[test]
fn the_few_longest_names_get_a_line_of_their_own() {
    let long = "maria.gonzalez-fernandez@contractors.example.com";
    let table = table(&[
        ["bo@example.com", "sentius:acme", "never", "", ""],
        [long, "sapling:acme/Core", "2026-12-31 23:59", "", ""],
        ["li@example.com", "sentius:acme", "never", "", ""],
    ]);
    insta::assert_snapshot!(shown(&table, 60), @"
    EMAIL           TARGET             END
    bo@example.com  sentius:acme       never
    maria.gonzalez-fernandez@contractors.example.com
                    sapling:acme/Core  2026-12-31 23:59
    li@example.com  sentius:acme       never
    ");
}

#[test]
fn a_detail_stands_below_its_row_before_a_column_is_given_up() {
    let mut table = Table::new(&["STATE", "EMAIL", "REASON", "DETAIL"])
        .gives_up(&["REASON"])
        .has_below("DETAIL");
    let why = "2 removals in 24 hours would pass guard.max_removals";
    for row in [
        ["held", "bo@example.com", "grant.ended", why],
        ["done", "li@example.com", "role.ended", ""],
    ] {
        table.add(row.map(Cell::new));
    }
    insta::assert_snapshot!(shown(&table, 90), @"
    STATE  EMAIL           REASON       DETAIL
    held   bo@example.com  grant.ended  2 removals in 24 hours would pass guard.max_removals
    done   li@example.com  role.ended
    ");
    insta::assert_snapshot!(shown(&table, 50), @"
    STATE  EMAIL           REASON
    held   bo@example.com  grant.ended
      2 removals in 24 hours would pass
      guard.max_removals
    done   li@example.com  role.ended
    ");
    insta::assert_snapshot!(shown(&table, 25), @"
    STATE  EMAIL
    held   bo@example.com
      2 removals in 24 hours
      would pass
      guard.max_removals
    done   li@example.com
    - REASON
    ");
}

fn actions(rows: &[[&str; 5]]) -> Table {
    let mut table = Table::new(&["STATE", "EMAIL", "ACTION", "REASON", "DETAIL"])
        .gives_up(&["REASON"])
        .says_once(&["ACTION"])
        .has_second_line(&["ACTION", "REASON"])
        .has_below("DETAIL");
    for row in rows {
        table.add(row.iter().map(|text| Cell::new(text)));
    }
    table
}

#[test]
fn what_matters_goes_on_a_second_line_rather_than_be_dropped() {
    let rows = [
        [
            "held",
            "kwame.mensah@example.com",
            "whitelist.remove",
            "role.ended",
            "too many at once",
        ],
        ["done", "li@example.com", "member.demote", "role.ended", ""],
    ];
    insta::assert_snapshot!(shown(&actions(&rows), 50), @"
    STATE  EMAIL                     ACTION
    held   kwame.mensah@example.com  whitelist.remove
      too many at once
    done   li@example.com            member.demote
    - REASON
    ");
    insta::assert_snapshot!(shown(&actions(&rows), 40), @"
    STATE  EMAIL
      ACTION            REASON
    held   kwame.mensah@example.com
      whitelist.remove  role.ended
      too many at once
    done   li@example.com
      member.demote     role.ended
    ");
}

#[test]
fn what_all_rows_have_in_common_is_told_once_before_rows_take_two_lines() {
    let row = [
        "done",
        "kwame.mensah@example.com",
        "whitelist.remove",
        "role.ended",
        "",
    ];
    let lines = actions(&[row, row]).lines(Some(45), plain);
    assert_eq!(lines.said_once, [("ACTION", "whitelist.remove".to_owned())]);
    assert!(lines.dropped.is_empty(), "{:?}", lines.dropped);
    assert_eq!(
        lines.lines,
        [
            "STATE  EMAIL                     REASON",
            "done   kwame.mensah@example.com  role.ended",
            "done   kwame.mensah@example.com  role.ended",
        ]
    );
}

#[test]
fn an_empty_column_is_left_out_without_a_word_but_not_in_a_pipe() {
    let table = table(&[["bo@example.com", "sentius:acme", "never", "", ""]]);
    insta::assert_snapshot!(shown(&table, 40), @"
    EMAIL           TARGET        END
    bo@example.com  sentius:acme  never
    ");
    let Lines { lines, dropped, .. } = table.lines(None, plain);
    assert_eq!(
        (lines[0].as_str(), dropped.len()),
        ("EMAIL           TARGET        END    OWNER  REASON", 0)
    );
}

#[test]
fn wide_letters_take_two_columns_and_colours_none() {
    let table = table(&[
        ["王芳@example.com", "sentius:acme", "never", "", ""],
        ["jane@example.com", "sentius:acme", "never", "", ""],
    ]);
    let bars = |text: &str, _: Tone| format!("<b>{text}</b>");
    let lines = table.lines(Some(40), bars).lines;
    assert_eq!(
        lines[1..],
        [
            "<b>王芳@example.com</b>  <b>sentius:acme</b>  <b>never</b>",
            "<b>jane@example.com</b>  <b>sentius:acme</b>  <b>never</b>",
        ]
    );
}

#[test]
fn a_verdict_stands_beside_its_target_or_below_it() {
    let said = Cell::new("has access until 2026-12-31 23:59 (in 39 days)");
    let lines = |width| verdict("sapling:acme/R & D", &said, width, &plain);
    let one = "sapling:acme/R & D: has access until 2026-12-31 23:59 (in 39 days)";
    assert_eq!(lines(None), [one]);
    assert_eq!(lines(Some(66)), [one]);
    assert_eq!(
        lines(Some(32)),
        [
            "sapling:acme/R & D:",
            "  has access until",
            "  2026-12-31 23:59 (in 39 days)"
        ]
    );
}

fn rows() -> impl Strategy<Value = Vec<[String; 5]>> {
    let target = "(sentius:[a-z]{1,8}|sapling:[a-z]{1,8}/[A-Z][a-z]{0,9}( [&A-Z] [a-z]{1,6})?)";
    let end = prop_oneof![moment(), Just("never".to_owned())];
    let owner = prop_oneof![Just(String::new()), address()];
    let row = (address(), target, end, owner, prose());
    let row =
        row.prop_map(|(email, target, end, owner, reason)| [email, target, end, owner, reason]);
    prop::collection::vec(row, 1..6)
}

proptest! {
    #[test]
    fn no_cell_is_broken_and_no_line_too_long(rows in rows(), width in 1..200_usize) {
        let texts: Vec<[&str; 5]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let Lines { lines, dropped, .. } = table(&texts).lines(Some(width), plain);
        let stands = |text: &str| lines.iter().any(|line| line.contains(text));
        for row in &texts {
            for (head, text) in HEADS.iter().zip(row).take(4) {
                prop_assert_eq!(stands(text), text.is_empty() || !dropped.contains(head), "{}", text);
            }
            if !dropped.contains(&"REASON") {
                for word in words(row[4]) {
                    prop_assert!(stands(&row[4][word.clone()]), "{}", &row[4][word]);
                }
            }
        }
        let stacked = !lines[0].starts_with("EMAIL");
        let longest = lines.iter().map(|line| line.width()).max().unwrap();
        prop_assert!(stacked || longest <= width, "{longest} in {width}: {lines:#?}");
        prop_assert!(lines.iter().all(|line| line.trim_end() == line));
        if stacked {
            prop_assert!(dropped.is_empty());
        }
    }

    #[test]
    fn nothing_is_dropped_that_would_fit(rows in rows(), width in 1..200_usize) {
        let texts: Vec<[&str; 5]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let table = table(&texts);
        let Lines { lines, dropped, .. } = table.lines(Some(width), plain);
        prop_assume!(lines[0].starts_with("EMAIL"));
        let order: Vec<&str> = ["REASON", "OWNER"].into_iter()
            .filter(|head| !table.measure(HEADS.iter().position(|h| h == head).unwrap()).is_empty)
            .collect();
        let gone: Vec<&str> = order.iter().copied().filter(|head| dropped.contains(head)).collect();
        prop_assert_eq!(gone.len(), dropped.len());
        prop_assert!(order.starts_with(&gone), "{dropped:?}");
        if let Some(last) = gone.last() {
            // With the column that was dropped last, the least width of all is too much.
            let least: usize = (0..HEADS.len())
                .filter(|at| !gone[..gone.len() - 1].contains(&HEADS[*at]))
                .map(|at| table.measure(at))
                .filter(|measured| !measured.is_empty)
                .map(|measured| measured.least + GAP)
                .sum();
            prop_assert!(least - GAP > width, "{last} would have fitted");
        }
    }

    #[test]
    fn in_a_pipe_a_row_is_a_line_with_all_that_it_has(rows in rows()) {
        let texts: Vec<[&str; 5]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let Lines { lines, dropped, .. } = table(&texts).lines(None, plain);
        prop_assert!(dropped.is_empty());
        prop_assert_eq!(lines.len(), rows.len() + 1);
        for (line, row) in lines[1..].iter().zip(&texts) {
            prop_assert!(row.iter().all(|text| line.contains(text)), "{line}");
        }
    }
}
