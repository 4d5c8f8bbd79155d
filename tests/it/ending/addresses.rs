//! Addresses reach the providers byte for byte, whatever they hold.

use crate::world::{PAST, World};

/// What a query string, a form, a quote or a case-folding could spoil.
const ODD: [&str; 8] = [
    "jane+test@example.com",
    "50%25@example.com",
    "a&b=c@example.com",
    "o'brien@example.com",
    "Jane.DOE@Example.COM",
    "jürgen@münchen.example",
    "名前@例え.example",
    "hash#slash/q?@example.com",
];

#[tokio::test(flavor = "multi_thread")]
async fn odd_addresses_reach_the_whitelist_byte_for_byte() {
    let world = World::new().await;
    world.whitelist(&ODD);
    let rows = ODD.map(|email| format!("{email},sentius:acme,{PAST}"));
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert!(world.whitelisted().is_empty(), "{:?}", world.whitelisted());
    let mut sent: Vec<String> = world
        .sentius
        .calls()
        .into_iter()
        .flat_map(|c| c.emails)
        .collect();
    let mut wanted = ODD.map(str::to_owned).to_vec();
    sent.sort();
    wanted.sort();
    assert_eq!(sent, wanted);
    let done = run.actions();
    assert!(
        done.iter().all(|a| a.ends_with("done acknowledged")),
        "{done:?}"
    );
    for email in ODD {
        let told = format!("whitelist.remove sentius:acme {email} grant.ended done acknowledged");
        assert!(done.contains(&told), "{email}: {done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_addresses_reach_a_team_byte_for_byte() {
    let mut world = World::new().await;
    world.config.guard = "max_removal_percent = 100".to_owned();
    let id = world.team("Core", &ODD);
    world.invite("Core", "Zoë+1%@Example.com");
    let mut rows = ODD
        .map(|email| format!("{email},sapling:acme/Core,{PAST}"))
        .to_vec();
    rows.push(format!("Zoë+1%@Example.com,sapling:acme/Core,{PAST}"));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.grants(&rows).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert!(
        world.members("Core").is_empty(),
        "{:?}",
        world.members("Core")
    );
    assert!(world.invited("Core").is_empty());
    let calls = world.sapling.calls();
    let bulk = calls
        .iter()
        .find(|c| c.path.ends_with("bulk_delete"))
        .unwrap();
    let mut sent = bulk.emails.clone();
    sent.sort();
    let mut wanted = ODD.map(str::to_owned).to_vec();
    wanted.sort();
    assert_eq!(sent, wanted);
    let invite = calls
        .iter()
        .find(|c| c.path.ends_with(&format!("team_user_invite/{id}")));
    assert_eq!(invite.unwrap().emails, ["Zoë+1%@Example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_in_other_letters_matches_the_member_and_is_sent_as_the_team_has_it() {
    let world = World::new().await;
    world.team(
        "Core",
        &[
            "Jürgen.ÖZ@Example.com",
            "Bob@Example.com",
            "amy@example.com",
        ],
    );
    let rows = ["jürgen.öz@example.com", "BOB@example.com"]
        .map(|email| format!("{email},sapling:acme/Core,{PAST}"));
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    let mut done = run.actions();
    done.sort();
    assert_eq!(
        done,
        [
            "member.remove sapling:acme/Core Bob@Example.com grant.ended done verified",
            "member.remove sapling:acme/Core Jürgen.ÖZ@Example.com grant.ended done verified",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whitelist_address_is_sent_as_it_was_granted_last() {
    let world = World::new().await;
    world.whitelist(&["Jane@Example.com"]);
    let rows = [
        "jane@example.com,sentius:acme,2025-01-01T00:00:00Z".to_owned(),
        format!("Jane@Example.com,sentius:acme,{PAST}"),
    ];
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(
        run.actions(),
        ["whitelist.remove sentius:acme Jane@Example.com grant.ended done acknowledged"]
    );
    assert!(world.whitelisted().is_empty());
}
