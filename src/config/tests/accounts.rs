//! What is refused in accounts, team rules and mail, and in which words.

use super::{Fixture, MAIL, SAPLING, SENTIUS, accept, refuse};
use crate::config::Keys;

#[test]
fn an_account_needs_a_name_of_its_own_and_a_safe_url() {
    for (from, to, said) in [
        (
            "name = \"acme\"",
            "",
            "sentius[0].name: this key is missing",
        ),
        ("\"acme\"", "\"ac me\"", "\"ac me\" is not a name"),
        ("\"acme\"", "\"a/b\"", "is not a name"),
        ("\"acme\"", "\"\"", "this is empty"),
        (
            "base_url",
            "base_ur",
            "sentius[0].base_url: this key is missing",
        ),
        (
            "https://api",
            "http://api",
            "sentius[0].base_url: http would send the key in the clear to api.sentius.ai",
        ),
        ("https://api", "http://127.0.0.1.api", "in the clear"),
        ("https://api", "http://localhost.api", "in the clear"),
        ("https://api", "ftp://api", "does not start with https://"),
        (
            "https://api.sentius.ai",
            "api.sentius.ai",
            "this is not a URL",
        ),
        ("https://api", "https://me@api", "a user or a password"),
        ("https://api", "https://:pw@api", "a user or a password"),
        ("sentius.ai", "sentius.ai/?a=b", "a ? or a #"),
        ("sentius.ai", "sentius.ai/#", "a ? or a #"),
        ("sentius.ai", "sentius.ai/a b", "this is not a URL"),
        ("https://api.sentius.ai", "https://", "this is not a URL"),
    ] {
        let error = refuse(&SENTIUS.replacen(from, to, 1));
        assert!(error.contains(said), "{to}: {error}");
    }
    let error = refuse(&format!("{SENTIUS}{SENTIUS}"));
    assert!(
        error.contains("sentius[1].name: there are two of the name \"acme\""),
        "{error}"
    );
}

#[test]
fn one_account_at_a_provider_has_one_name() {
    let two = |section: &str| section.replace("\"acme\"", "\"two\"");
    let error = refuse(&format!("{SENTIUS}{}", two(SENTIUS)));
    assert!(
        error.contains("sentius[1]: sentius:acme and sentius:two are the same account at the provider: they have the same base_url and the same key"),
        "{error}"
    );
    for (from, to) in [
        ("sapling.ai/v1/", "sapling.ai/v1"),
        ("api.sapling.ai", "API.sapling.ai.:443"),
        (
            "sapling.ai/v1/\"",
            "sapling.ai/v1//\"\norganization_id = \"o1\"",
        ),
    ] {
        let again = two(SAPLING).replace(from, to);
        assert_ne!(again, two(SAPLING));
        let error = refuse(&format!("{SAPLING}{again}"));
        assert!(
            error.contains("sapling[1]: sapling:acme and sapling:two are the same account"),
            "{to}: {error}"
        );
    }
}

#[test]
fn another_key_place_or_organization_is_another_account() {
    let two = |section: &str| section.replace("\"acme\"", "\"two\"");
    let of = |id: &str| format!("organization_id = \"{id}\"\n");
    accept(&format!("{SENTIUS}{}", two(SENTIUS).replace("api.", "eu.")));
    accept(&format!("{SENTIUS}{SAPLING}"));
    let (one, other) = (of("o1"), of("o2"));
    accept(&format!("{SAPLING}{one}{}{other}", two(SAPLING)));
    let fixture = Fixture::new().with("OTHER", "another key of the same place");
    let key = two(SENTIUS).replace("api_key_file = \"KEY\"", "api_key_env = \"OTHER\"");
    fixture.load(&format!("{SENTIUS}{key}")).unwrap();
    // Who reads no keys cannot tell, and calls nobody.
    let same = format!("{SENTIUS}{}", two(SENTIUS));
    fixture.load_keys(&same, Keys::Leave).unwrap();
}

#[test]
fn a_team_rule_must_say_something_about_one_team() {
    for (rules, said) in [
        (
            "[[sapling.team]]\nname = \"A\"",
            "sapling[0].team[0]: the rule says nothing",
        ),
        (
            "[[sapling.team]]\nmax_age = \"1d\"",
            "exactly one of name and id",
        ),
        (
            "[[sapling.team]]\nname = \"A\"\nid = \"B\"\nmax_age = \"1d\"",
            "exactly one of name and id",
        ),
        (
            "[[sapling.team]]\nname = \"A\"\nmax_age = \"0d\"",
            "max_age: this must be longer",
        ),
        (
            "[[sapling.team]]\nname = \"A\"\nfollow = \"sentius:other\"",
            "there is no [[sentius]] of the name \"other\"; known: acme",
        ),
        (
            "[[sapling.team]]\nname = \"A\"\nfollow = \"sapling:acme/B\"",
            "can follow a whitelist only",
        ),
        (
            "[[sapling.team]]\nname = \"A\"\nfollow = \"acme\"",
            "is not a target",
        ),
        (
            "[[sapling.team]]\nname = \"A\"\nmax_age = \"1d\"\n[[sapling.team]]\nid = \"A\"\nmax_age = \"2d\"",
            "sapling[0].team[1]: there are two rules for the team \"A\"",
        ),
        (
            "self_email = \"robot\"",
            "sapling[0].self_email: \"robot\" is not an address",
        ),
        ("organization_id = \"a\\nb\"", "control character"),
        ("auth = \"header\"", "write \"parameter\" or \"bearer\""),
    ] {
        let error = refuse(&format!("{SENTIUS}{SAPLING}{rules}"));
        assert!(error.contains(said), "{rules}\n{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn mail_needs_people_and_one_way_out() {
    let directory = "[mail.directory]\npath = \"out\"\n";
    let smtp = "[mail.smtp]\nhost = \"smtp.acme.com\"\n";
    for (toml, said) in [
        (MAIL.to_owned(), "mail: nothing says where mail goes"),
        (format!("{MAIL}{directory}{smtp}"), "mail: there are both"),
        (
            format!("[mail]\nfrom = \"a@x.org\"\n{directory}"),
            "mail.to: this key is missing",
        ),
        (
            format!("[mail]\nto = [\"a@x.org\"]\n{directory}"),
            "mail.from: this key is missing",
        ),
        (
            format!("[mail]\nfrom = \"a@x.org\"\nto = []\n{directory}"),
            "at least one address",
        ),
        (
            format!("[mail]\nfrom = \"a@x.org\"\nto = [\"a\"]\n{directory}"),
            "mail.to: \"a\" is not an address",
        ),
        (
            format!("[mail]\nfrom = \"a@x.org\"\nto = [\"A\\r\\nBcc: <a@x.org>\"]\n{directory}"),
            "is not an address",
        ),
        (
            format!("[mail]\nfrom = \"A\\u0007 <a@x.org>\"\nto = [\"a@x.org\"]\n{directory}"),
            "mail.from: ",
        ),
        (
            format!("{MAIL}reply_to = \"it\"\n{directory}"),
            "mail.reply_to: \"it\" is not an address; write it@example.com",
        ),
        (
            format!("{MAIL}notify_before = [\"1\"]\n{directory}"),
            "\"1\" has no unit",
        ),
        (
            format!("{MAIL}notify_before = [\"0s\"]\n{directory}"),
            "longer than zero",
        ),
        (
            format!("{MAIL}notify_people = 1\n{directory}"),
            "not a switch",
        ),
        (
            format!("{MAIL}[mail.directory]\n"),
            "mail.directory.path: this key is missing",
        ),
        (
            format!("{MAIL}[mail.smtp]\n"),
            "mail.smtp.host: this key is missing",
        ),
        (
            format!("{MAIL}[mail.smtp]\nhost = \"smtp://x\""),
            "not a host's name",
        ),
        (
            format!("{MAIL}[mail.smtp]\nhost = \"x:25\""),
            "not a host's name",
        ),
        (format!("{MAIL}{smtp}port = 0"), "write 1 to 65535"),
        (format!("{MAIL}{smtp}port = 65536"), "write 1 to 65535"),
        (
            format!("{MAIL}{smtp}tls = \"none\""),
            "mail.smtp.tls: \"none\" would send mail in the clear",
        ),
        (
            format!("{MAIL}{smtp}tls = \"ssl\""),
            "write \"starttls\" or \"implicit\" or \"none\"",
        ),
    ] {
        let error = refuse(&toml);
        assert!(error.contains(said), "{toml}\n{error}");
        assert_eq!(error.lines().count(), 1, "{toml}\n{error}");
    }
}
