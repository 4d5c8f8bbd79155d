//! Files good and bad.

use super::*;
use crate::config;
use crate::domain::{Permission, Role};

const NOW: &str = "2026-11-22T07:00:00Z";

fn settings() -> Settings {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lapsed.toml");
    let text = r#"
        timezone = "Europe/Berlin"
        [[sentius]]
        name = "acme"
        base_url = "https://api.sentius.ai"
        api_key_env = "K"
        [[sapling]]
        name = "acme"
        base_url = "https://api.sapling.ai"
        api_key_env = "K"
    "#;
    std::fs::write(&path, text).unwrap();
    config::load_with(&path, config::Keys::Read, [("K".into(), "k".into())]).unwrap()
}

fn parsed(text: &[u8]) -> Result<Vec<Row>, Vec<(u64, String)>> {
    parse(text, &settings(), false, NOW.parse().unwrap())
}

#[test]
fn columns_may_stand_in_any_order_and_be_left_out() {
    let rows = parsed(
        b"END, Target ,email,permissions\n2026-12-31,sentius:acme,\"Jane@Example.com\",can_use_api;can_read\n,sapling:acme/Core,bob@example.com,\n",
    )
    .unwrap();
    let [jane, bob] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert_eq!(jane.grant.email.written(), "Jane@Example.com");
    assert_eq!(jane.grant.permissions.len(), 2);
    // The last millisecond of the day in the configured zone.
    assert_eq!(
        jane.grant.end.unwrap().to_string(),
        "2026-12-31T22:59:59.999Z"
    );
    assert_eq!((bob.line, bob.grant.end), (3, None));
}

#[test]
fn each_fault_is_told_with_its_line_and_what_would_be_right() {
    for (row, what) in [
        ("jane,sentius:acme,,,,", "email"),
        ("jane@example.com,acme,,,,", "target"),
        ("jane@example.com,sentius:other,,,,", "configured are acme"),
        ("jane@example.com,sentius:acme,2026-02-30,,,", "end"),
        (
            "jane@example.com,sentius:acme,2026-01-01,2026-06-01,,",
            "not after",
        ),
        (
            "jane@example.com,sentius:acme,,,can_fly;can_read,",
            "can_fly",
        ),
        ("jane@example.com,sentius:acme,,,can_use_api,", "can_read"),
        (
            "jane@example.com,sapling:acme/Core,,,can_read;edit,",
            "permissions: can_read is of a whitelist; a team knows edit, inspect",
        ),
        (
            "jane@example.com,sentius:acme,,,can_read;inspect,",
            "permissions: inspect is of a team; a whitelist knows can_read, can_use_api",
        ),
        (
            "jane@example.com,sapling:acme/Core,,,edit,manager",
            "permissions: a role is a flag for a time",
        ),
        ("jane@example.com,sentius:acme,,,,admin", "role"),
        ("jane@example.com,sapling:acme/Core,,,,king", "king"),
        ("\"jane@example.com\nx\",sentius:acme,,,,", "line break"),
        ("jane@example.com,sentius:acme", "fields"),
        ("j\u{fffd}", "1 field where"),
    ] {
        let text = format!(
            "email,target,end,start,permissions,role\nok@example.com,sentius:acme,,,,\n{row}\n"
        );
        let faults = parsed(text.as_bytes()).unwrap_err();
        assert_eq!(faults.len(), 1, "{row}: {faults:?}");
        assert_eq!(faults[0].0, 3, "{row}");
        assert!(faults[0].1.contains(what), "{row}: {}", faults[0].1);
    }
}

#[test]
fn a_team_knows_permissions_of_its_own_and_four_roles() {
    let rows = parsed(
        b"email,target,permissions,role\na@example.com,sapling:acme/Core,inspect; edit,\na@example.com,sapling:acme/Core,,inspect\n",
    )
    .unwrap();
    let permissions = [Permission::Edit, Permission::Inspect];
    assert_eq!(rows[0].grant.permissions, permissions);
    assert_eq!(rows[1].grant.role, Some(Role::Inspect));
}

#[test]
fn what_is_not_utf_8_is_refused_with_its_line() {
    let faults = parsed(b"email,target,name\na@example.com,sentius:acme,J\xfcrgen\n").unwrap_err();
    assert_eq!(faults[0].0, 2);
    assert!(faults[0].1.contains("UTF-8"), "{faults:?}");
}

#[test]
fn an_unknown_column_is_told_with_the_nearest_known_one() {
    let faults = parsed(b"email,target,premissions\n").unwrap_err();
    assert!(faults[0].1.contains("permissions"), "{faults:?}");
    assert!(
        parsed(b"email,email,target\n").unwrap_err()[0]
            .1
            .contains("twice")
    );
    assert!(parsed(b"email\n").unwrap_err()[0].1.contains("target"));
}
