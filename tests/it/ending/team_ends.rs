//! Team grants are over: members, invites and roles end by the documented calls, and reading back
//! proves it.

use serde_json::json;

use crate::world::{PAST, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_single_member_is_removed_by_id_and_read_back() {
    let world = World::new().await;
    let team = world.team("Core", &["amy@example.com"]);
    let id = world.member("Core", "bob@example.com");
    world
        .grants(&[&format!("bob@example.com,sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core bob@example.com grant.ended done verified"]
    );
    assert_eq!(world.members("Core"), ["amy@example.com"]);
    let read = format!("GET /team/{team}/team_user 200");
    assert_eq!(
        world.sapling_calls(),
        [
            "GET /team 200".to_owned(),
            read.clone(),
            format!("DELETE /team_user/{id} 204"),
            read
        ]
    );
    assert!(
        run.found("member.left").is_empty(),
        "what lapsed did is no news"
    );
    assert_eq!(world.list().await[0]["state"], json!("removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_members_go_in_one_bulk_call() {
    let world = World::new().await;
    let team = world.team(
        "Core",
        &[
            "a@example.com",
            "b@example.com",
            "c@example.com",
            "d@example.com",
        ],
    );
    let rows = ["a", "b", "c"].map(|who| format!("{who}@example.com,sapling:acme/Core,{PAST}"));
    world.grants(&[&rows[0], &rows[1], &rows[2]]).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(world.members("Core"), ["d@example.com"]);
    assert_eq!(
        world.writes(),
        [format!("DELETE /team/{team}/team_users/bulk_delete 200")]
    );
    assert!(run.actions().iter().all(|a| a.ends_with("done verified")));
    assert_eq!(run.json["counts"]["done"], json!(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_list_is_split_until_the_bad_address_stands_alone() {
    let world = World::new().await;
    let people = ["a", "b", "c", "d", "e", "f", "g"].map(|who| format!("{who}@example.com"));
    let emails = people.each_ref().map(String::as_str);
    world.team("Core", &emails);
    world.member("Core", "stays@example.com");
    world
        .sapling
        .with(|state| state.refuse.insert("e@example.com".to_owned()));
    let rows = emails.map(|email| format!("{email},sapling:acme/Core,{PAST}"));
    world.grants(&rows.each_ref().map(String::as_str)).await;

    let run = world.run().await;

    assert_eq!(run.code, 3);
    assert_eq!(
        world.members("Core"),
        ["e@example.com", "stays@example.com"]
    );
    assert_eq!(run.json["counts"]["done"], json!(6));
    assert_eq!(run.json["counts"]["failed"], json!(1));
    let failed: Vec<String> = run
        .actions()
        .into_iter()
        .filter(|a| a.contains("failed"))
        .collect();
    assert_eq!(
        failed,
        ["member.remove sapling:acme/Core e@example.com grant.ended failed -"]
    );
    let refusals = world
        .writes()
        .iter()
        .filter(|w| w.ends_with(" 400"))
        .count();
    assert!(refusals <= 4, "{:?}", world.writes());
    assert!(
        world
            .sapling
            .calls()
            .iter()
            .all(|c| c.path.ends_with("bulk_delete") || c.method == "GET")
    );

    // It is tried again, alone, and goes once the provider lets it.
    world.forget_calls();
    let again = world.run().await;
    assert_eq!(
        again.code,
        0,
        "alone it goes by id, which nothing refuses: {:?}",
        world.writes()
    );
    assert_eq!(
        again.actions(),
        ["member.remove sapling:acme/Core e@example.com grant.ended done verified"]
    );
    assert_eq!(world.members("Core"), ["stays@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_in_bulk_and_alone_stays_failed_and_is_tried_in_every_run() {
    use lapsed_sandbox::{Answer, Fault, When};
    let world = World::new().await;
    world.team("Core", &["a@example.com", "b@example.com"]);
    world.sapling.faults().always(
        When::method("DELETE").email("b@example.com"),
        Fault::Status(Answer::new(400)),
    );
    let rows = ["a", "b"].map(|who| format!("{who}@example.com,sapling:acme/Core,{PAST}"));
    world.grants(&[&rows[0], &rows[1]]).await;

    assert_eq!(world.run().await.code, 3);
    world.forget_calls();
    let again = world.run().await;

    assert_eq!(again.code, 3);
    assert_eq!(
        again.actions(),
        ["member.remove sapling:acme/Core b@example.com grant.ended failed -"]
    );
    assert!(again.detail().contains("400"), "{}", again.detail());
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.members("Core"), ["b@example.com"]);
    world.sapling.faults().clear();
    assert_eq!(world.run().await.code, 0);
    assert!(world.members("Core").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invite_of_a_grant_that_is_over_is_revoked() {
    let world = World::new().await;
    let team = world.team("Core", &["amy@example.com"]);
    world.invite("Core", "new@example.com");
    world.invite("Core", "other@example.com");
    world
        .grants(&[&format!("new@example.com,sapling:acme/Core,{PAST}")])
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["invite.revoke sapling:acme/Core new@example.com grant.ended done verified"]
    );
    assert_eq!(world.invited("Core"), ["other@example.com"]);
    assert_eq!(
        world.writes(),
        [format!("DELETE /team_user_invite/{team} 204")]
    );
    assert_eq!(world.list().await[0]["state"], json!("removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_left_beside_a_membership_ends_with_it() {
    let world = World::new().await;
    world.team(
        "Core",
        &["bob@example.com", "amy@example.com", "joe@example.com"],
    );
    for who in ["amy@example.com", "joe@example.com"] {
        world.invite("Core", who);
    }
    let rows =
        ["amy@example.com", "joe@example.com"].map(|who| format!("{who},sapling:acme/Core,{PAST}"));
    world.grants(&[&rows[0], &rows[1]]).await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(world.members("Core"), ["bob@example.com"]);
    assert!(world.invited("Core").is_empty());
    assert_eq!(run.json["actions"].as_array().unwrap().len(), 4);
    let proven = |a: &String| a.ends_with(" verified");
    assert!(run.actions().iter().all(proven), "{:?}", run.actions());
    for row in world.list().await {
        assert_eq!(row["state"], json!("removed"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_is_gone_already_is_absent_without_a_call() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    world
        .grants(&[&format!("gone@example.com,sapling:acme/Core,{PAST}")])
        .await;
    // One reading proves nothing, and nobody there means nothing owed.
    let first = world.run().await;
    assert_eq!((first.code, first.actions().len()), (0, 0));
    assert_eq!(world.list().await[0]["state"], json!("ended"));
    assert_eq!(world.run().await.actions().len(), 0, "nor do two at once");
    world.later(10);

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["member.remove sapling:acme/Core gone@example.com grant.ended absent verified"]
    );
    assert!(world.writes().is_empty());
    assert_eq!(world.list().await[0]["state"], json!("removed"));
    assert!(world.run().await.actions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_over_ends_and_the_membership_stays() {
    let world = World::new().await;
    world.team("Core", &["amy@example.com"]);
    let id = world.sapling.with(|state| {
        let bob = lapsed_sandbox::TeamUser::new("bob@example.com", lapsed::clock::now());
        let team = state.team_mut("Core").unwrap();
        let id = team.add_member(bob.manager());
        team.change_member("bob@example.com", |user| user.edit_permission = true);
        id
    });
    world
        .import(&format!(
            "email,target,role,end\nbob@example.com,sapling:acme/Core,manager,{PAST}\n"
        ))
        .await;

    let run = world.run().await;

    assert_eq!(run.code, 0);
    assert_eq!(
        run.actions(),
        ["member.demote sapling:acme/Core bob@example.com role.ended done verified"]
    );
    assert_eq!(world.writes(), [format!("PATCH /team_user/{id} 204")]);
    let key = world.sapling_key();
    let calls = world.sapling.calls();
    let patch = calls.iter().find(|c| c.method == "PATCH").unwrap();
    let body: serde_json::Value = serde_json::from_str(&patch.body).unwrap();
    assert_eq!(body, json!({ "key": key, "is_manager": false }));
    let bob = world.sapling.with(|state| {
        state
            .team("Core")
            .unwrap()
            .member("bob@example.com")
            .cloned()
    });
    let bob = bob.unwrap();
    assert!(!bob.is_manager && bob.edit_permission);
    assert!(
        run.found("member.changed").is_empty(),
        "{:?}",
        run.findings()
    );
    assert_eq!(world.list().await[0]["state"], json!("removed"));
    assert!(world.run().await.actions().is_empty());
}
