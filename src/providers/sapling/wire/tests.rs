//! What is taken as a member, an invite, a list.

use super::*;

fn user(json: &str) -> Result<TeamUser, serde_json::Error> {
    serde_json::from_str(json)
}

const USER: &str = r#"{"id": "u1", "login_email": "a@x.com", "is_admin": false,
    "is_manager": false, "edit_permission": true, "inspect_permission": false,
    "created_at": "Wed, 07 Oct 2020 21:15:47 GMT", "updated_at": null}"#;

#[test]
fn a_member_is_read_as_documented() {
    let user = user(USER).unwrap();
    assert_eq!(user.created_at, "2020-10-07T21:15:47Z".parse().ok());
    assert_eq!(user.updated_at, None);
    assert!(user.edit_permission);
}

#[test]
fn a_member_with_a_strange_date_is_still_a_member() {
    for date in [
        "\"soon\"",
        "7",
        "-7",
        "1.5",
        "true",
        "[1]",
        "{\"a\": {}}",
        "\"\\u00fc\"",
    ] {
        let json = USER.replace("null", date);
        assert_eq!(user(&json).unwrap().updated_at, None, "{date}");
    }
}

#[test]
fn a_member_without_id_or_address_or_with_strange_flags_is_not_readable() {
    for (part, instead) in [
        ("\"id\"", "\"x\""),
        ("\"login_email\"", "\"x\""),
        ("true", "\"true\""),
        ("true", "1"),
        ("true", "[]"),
    ] {
        assert!(
            user(&USER.replace(part, instead)).is_err(),
            "{part} {instead}"
        );
    }
}

#[test]
fn a_flag_that_is_missing_or_null_is_no() {
    let bare = user(r#"{"id": "u1", "login_email": "a@x.com", "is_admin": null}"#).unwrap();
    assert!(!bare.is_admin && !bare.is_manager);
    assert!(!bare.edit_permission && !bare.inspect_permission);
}

#[test]
fn a_date_that_stands_for_unknown_is_none() {
    let ahead = crate::clock::now().checked_add(jiff::SignedDuration::from_mins(11));
    for date in [
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 1999 23:59:59 GMT",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        &ahead.unwrap().to_string(),
    ] {
        let json = USER.replace("Wed, 07 Oct 2020 21:15:47 GMT", date);
        assert_eq!(user(&json).unwrap().created_at, None, "{date}");
    }
    let soon = crate::clock::now().checked_add(jiff::SignedDuration::from_mins(9));
    for date in ["Sat, 01 Jan 2000 00:00:00 GMT", &soon.unwrap().to_string()] {
        let json = USER.replace("Wed, 07 Oct 2020 21:15:47 GMT", date);
        assert!(user(&json).unwrap().created_at.is_some(), "{date}");
    }
}

#[test]
fn an_invite_needs_no_more_than_its_address() {
    let read = |json| serde_json::from_str::<PendingUser>(json);
    let bare = read(r#"{"email": "a@x.com", "registered": null, "permissions": null}"#).unwrap();
    assert!(!bare.registered && !bare.confirmed);
    assert_eq!(bare.permissions, "");
    let full = read(
        r#"{"email": "a@x.com", "team_id": "t1", "registered": true, "confirmed": true,
            "permissions": {"edit": true}}"#,
    );
    assert_eq!(full.unwrap().permissions, r#"{"edit":true}"#);
    assert!(read(r#"{"registered": true}"#).is_err());
}

#[test]
fn an_id_that_comes_twice_is_noticed() {
    assert_eq!(check_ids("id", ["a", "b"].into_iter()), Ok(()));
    assert!(check_ids("id", ["a", "b", "a"].into_iter()).is_err());
    assert!(check_ids("id", ["a", ""].into_iter()).is_err());
}
