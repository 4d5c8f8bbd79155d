//! Sapling as a client sees it.

use jiff::Timestamp;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use super::*;
use crate::server::client;
use crate::{KeyPlace, TeamUser};

const KEY: &str = "SANDBOXSANDBOXSANDBOXSANDBOX0001";

struct Here {
    client: Client,
    sapling: Sapling,
}

/// Core with its holder, Jane (admin, invited again) and Bob, and an invite for Eve.
async fn here() -> Here {
    let mut state = SaplingState::new("robot@acme.example");
    let at: Timestamp = "2020-10-07T21:15:47Z".parse().unwrap();
    let core = state.add_team("Core");
    core.add_member(TeamUser::new("Jane@acme.example", at).admin());
    core.add_member(TeamUser::new("bob@example.com", at));
    core.add_invite(Invite::new("Jane@acme.example"));
    core.add_invite(Invite::new("eve@example.com"));
    Here {
        client: client(),
        sapling: Sapling::start(state).await.unwrap(),
    }
}

impl Here {
    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.sapling.base_url())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let call = self.client.get(self.url(path)).query(&[("key", KEY)]);
        answer(call.send().await.unwrap()).await
    }

    async fn call(&self, method: Method, path: &str, mut body: Value) -> (u16, Value) {
        body["key"] = json!(KEY);
        let call = self.client.request(method, self.url(path)).json(&body);
        answer(call.send().await.unwrap()).await
    }

    fn core(&self) -> String {
        self.sapling
            .with(|state| state.team("Core").unwrap().id().to_owned())
    }

    fn id(&self, email: &str) -> String {
        self.sapling.with(|state| {
            state
                .team("Core")
                .unwrap()
                .member(email)
                .unwrap()
                .id
                .clone()
        })
    }

    fn members(&self) -> Vec<String> {
        let emails = |team: &Team| {
            team.members()
                .map(|user| user.login_email.clone())
                .collect()
        };
        self.sapling
            .with(|state| emails(state.team("Core").unwrap()))
    }

    fn invited(&self, email: &str) -> bool {
        self.sapling
            .with(|state| state.team("Core").unwrap().invite(email).is_some())
    }
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!(text.is_empty(), status == 204, "{status}: {text}");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[tokio::test]
async fn the_holders_teams_and_their_people_are_listed() {
    let here = here().await;
    let (status, teams) = here.get("team").await;
    assert_eq!(status, 200);
    let core = here.core();
    assert_eq!(teams, json!({ "teams": [{ "id": core, "name": "Core" }] }));

    let (status, people) = here.get(&format!("team/{core}/team_user")).await;
    assert_eq!(status, 200);
    let jane = json!({
        "id": here.id("jane@acme.example"),
        "login_email": "Jane@acme.example",
        "is_admin": true,
        "is_manager": false,
        "edit_permission": false,
        "inspect_permission": false,
        "created_at": "Wed, 07 Oct 2020 21:15:47 GMT",
        "updated_at": "Wed, 07 Oct 2020 21:15:47 GMT",
    });
    assert_eq!(people["users"][1], jane);
    let eve = json!({
        "email": "eve@example.com",
        "team_id": core,
        "registered": false,
        "confirmed": false,
        "permissions": "member",
    });
    assert_eq!(people["pending_users"][0], eve);
    assert_eq!(people["users"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_key_is_a_parameter_or_a_header_and_the_parameter_wins() {
    let here = here().await;
    let bearer = here.client.get(here.url("team")).bearer_auth(KEY);
    assert_eq!(bearer.send().await.unwrap().status(), 200);
    let both = here.client.get(here.url("team")).bearer_auth(KEY);
    let both = both.query(&[("key", "wrong")]).send().await.unwrap();
    assert_eq!(answer(both).await.0, 401);
    let none = here.client.get(here.url("team")).send().await.unwrap();
    assert_eq!(answer(none).await.0, 401);

    let bob = here.url(&format!("team_user/{}", here.id("bob@example.com")));
    let in_query = here.client.delete(&bob).query(&[("key", KEY)]);
    assert_eq!(answer(in_query.send().await.unwrap()).await.0, 401);
    let bare = here.client.delete(&bob).bearer_auth(KEY);
    assert_eq!(answer(bare.send().await.unwrap()).await.0, 204);

    let places: Vec<_> = here.sapling.calls().iter().map(|call| call.key).collect();
    use KeyPlace::{Bearer, None, Query};
    assert_eq!(places, [Bearer, Query, None, Query, Bearer]);
}

#[tokio::test]
async fn a_team_is_closed_to_who_is_not_its_admin() {
    let here = here().await;
    let bob = here.id("bob@example.com");
    let core = here.core();
    here.sapling.with(|state| state.set_forbidden("Core", true));
    assert_eq!(here.get("team").await.1["teams"][0]["name"], "Core");
    assert_eq!(here.get(&format!("team/{core}/team_user")).await.0, 403);
    for (method, path, body) in [
        (
            Method::POST,
            format!("team/{core}/team_user"),
            json!({ "email": "x@example.com" }),
        ),
        (Method::DELETE, format!("team_user/{bob}"), json!({})),
        (
            Method::PATCH,
            format!("team_user/{bob}"),
            json!({ "is_admin": true }),
        ),
        (
            Method::DELETE,
            format!("team_user_invite/{core}"),
            json!({ "email": "eve@example.com" }),
        ),
        (
            Method::DELETE,
            format!("team/{core}/team_users/bulk_delete"),
            json!({ "emails": ["bob@example.com"] }),
        ),
    ] {
        assert_eq!(here.call(method, &path, body).await.0, 403, "{path}");
    }
    assert_eq!(here.members().len(), 3);
}

#[tokio::test]
async fn removal_by_id_takes_the_invite_too_and_happens_once() {
    let here = here().await;
    let jane = format!("team_user/{}", here.id("jane@acme.example"));
    assert_eq!(here.call(Method::DELETE, &jane, json!({})).await.0, 204);
    assert!(!here.invited("jane@acme.example"));
    assert_eq!(here.call(Method::DELETE, &jane, json!({})).await.0, 404);
    assert_eq!(
        here.call(Method::DELETE, "team_user/x", json!({})).await.0,
        404
    );
    assert_eq!(here.sapling.calls()[0].email(), Some("Jane@acme.example"));
    let again = here.sapling.with(|state| {
        let core = state.team_mut("Core").unwrap();
        core.add_member(TeamUser::new("Jane@acme.example", crate::clock::now()))
    });
    assert!(!jane.ends_with(&again), "an id is never given out again");
}

#[tokio::test]
async fn bulk_deletion_refuses_the_whole_list_for_one_bad_address() {
    let here = here().await;
    here.sapling.with(|state| {
        state.refuse.insert("odd@example.com".to_owned());
        state.bulk_limit = Some(3);
    });
    let path = format!("team/{}/team_users/bulk_delete", here.core());
    for bad in [
        json!(["bob@example.com", "nobody"]),
        json!(["bob@example.com", "ROBOT@acme.example"]),
        json!(["bob@example.com", "odd@example.com"]),
        json!(["bob@example.com", 7]),
        json!(["bob@example.com", "a@b.c", "d@e.f", "g@h.i"]),
        json!([]),
        json!("bob@example.com"),
    ] {
        let body = json!({ "emails": bad });
        assert_eq!(here.call(Method::DELETE, &path, body).await.0, 400, "{bad}");
    }
    assert_eq!(here.call(Method::DELETE, &path, json!({})).await.0, 400);
    let elsewhere = "team/7ea30000-0000-4000-8000-0000000000ff/team_users/bulk_delete";
    let body = json!({ "emails": ["bob@example.com"] });
    assert_eq!(here.call(Method::DELETE, elsewhere, body).await.0, 400);
    assert_eq!(here.members().len(), 3);
}

#[tokio::test]
async fn bulk_deletion_names_whom_it_did_not_find() {
    let here = here().await;
    let path = format!("team/{}/team_users/bulk_delete", here.core());
    let jane = here.id("jane@acme.example");
    let body = json!({ "emails": ["Jane@acme.example", "BOB@example.com", "eve@example.com"] });
    let (status, answer) = here.call(Method::DELETE, &path, body).await;
    assert_eq!(status, 200);
    let wanted = json!({
        "deleted_users": [{ "id": jane, "email": "Jane@acme.example" }],
        "not_found_users": ["BOB@example.com", "eve@example.com"],
        "warning": "",
    });
    assert_eq!(answer, wanted);
    assert_eq!(here.members(), ["robot@acme.example", "bob@example.com"]);
    assert!(
        here.invited("jane@acme.example"),
        "only removal by id takes invites along"
    );

    here.sapling.with(|state| state.exact_case = false);
    let body = json!({ "emails": ["BOB@example.com"] });
    let (_, answer) = here.call(Method::DELETE, &path, body).await;
    assert_eq!(answer["deleted_users"][0]["email"], "bob@example.com");
}

#[tokio::test]
async fn flags_are_changed_one_by_one() {
    let here = here().await;
    let jane = format!("team_user/{}", here.id("jane@acme.example"));
    let change = json!({ "is_admin": false, "inspect_permission": true });
    assert_eq!(here.call(Method::PATCH, &jane, change).await.0, 204);
    here.sapling.with(|state| {
        let jane = state
            .team("Core")
            .unwrap()
            .member("jane@acme.example")
            .unwrap();
        assert!(!jane.is_admin && jane.inspect_permission && !jane.is_manager);
        assert!(jane.updated_at > jane.created_at);
    });
    for bad in [json!({ "is_admin": "yes" }), json!({ "is_owner": true })] {
        assert_eq!(here.call(Method::PATCH, &jane, bad).await.0, 400);
    }
}

#[tokio::test]
async fn an_invite_is_taken_back_once() {
    let here = here().await;
    let path = format!("team_user_invite/{}", here.core());
    let eve = json!({ "email": "eve@example.com" });
    assert_eq!(here.call(Method::DELETE, &path, eve.clone()).await.0, 204);
    assert_eq!(here.call(Method::DELETE, &path, eve).await.0, 404);
    assert_eq!(here.call(Method::DELETE, &path, json!({})).await.0, 400);
}

#[tokio::test]
async fn people_with_an_account_are_added_and_others_invited() {
    let here = here().await;
    let path = format!("team/{}/team_user2", here.core());
    let emails = json!([
        "amy@example.com",
        "new@example.com",
        "bob@example.com",
        "nobody"
    ]);
    let body = json!({ "emails": emails, "is_manager": true });
    here.sapling
        .with(|state| state.register("amy@example.com", true));
    let (_, answer) = here.call(Method::POST, &path, body.clone()).await;
    assert_eq!(
        answer["invited"].as_array().unwrap().len(),
        2,
        "no superuser: invites only"
    );

    here.sapling.with(|state| state.superuser = true);
    let (status, answer) = here.call(Method::POST, &path, body).await;
    assert_eq!(status, 200);
    assert_eq!(answer["added"][0]["team_user"]["is_manager"], true);
    assert_eq!(
        answer["added"][0]["team_user"]["id"],
        here.id("amy@example.com")
    );
    assert_eq!(answer["invited"], json!([{ "email": "new@example.com" }]));
    assert_eq!(
        answer["already_exists"],
        json!([{ "email": "bob@example.com" }])
    );
    assert_eq!(answer["errors"][0]["email"], "nobody");
    assert!(!here.invited("amy@example.com"));
    here.sapling.with(|state| {
        let core = state.team_mut("Core").unwrap();
        assert!(core.accept_invite("new@example.com", crate::clock::now()));
    });
    assert!(here.members().contains(&"new@example.com".to_owned()));
}

#[tokio::test]
async fn one_and_several_people_have_a_path_each() {
    let here = here().await;
    let core = here.core();
    let one = json!({ "email": "x@example.com" });
    let many = json!({ "emails": ["x@example.com"] });
    let (single, several) = (
        format!("team/{core}/team_user"),
        format!("team/{core}/team_user2"),
    );
    assert_eq!(here.call(Method::POST, &single, many).await.0, 400);
    assert_eq!(here.call(Method::POST, &several, one.clone()).await.0, 400);
    assert_eq!(here.call(Method::POST, &single, one).await.0, 200);
    let raw = here
        .client
        .post(here.url(&single))
        .body("{")
        .send()
        .await
        .unwrap();
    assert_eq!(answer(raw).await.0, 400);
    assert_eq!(here.get("nowhere").await.0, 404);
    assert_eq!(here.get("team/x/team_user").await.0, 404);
}

#[tokio::test]
async fn suppressed_addresses_need_access_and_are_of_the_own_domain() {
    let here = here().await;
    let id = here.sapling.with(|state| {
        state.suppressed = vec!["a@ACME.example".to_owned(), "b@example.com".to_owned()];
        state.organization_id.clone()
    });
    let path = format!("organization/{id}/suppressed_emails");
    assert_eq!(here.get(&path).await.0, 403);
    here.sapling.with(|state| state.suppressed_access = true);
    let (status, answer) = here.get(&path).await;
    assert_eq!(
        (status, answer),
        (200, json!({ "suppressed_emails": ["a@ACME.example"] }))
    );
    assert_eq!(
        here.get("organization/other/suppressed_emails").await.0,
        403
    );
}

#[tokio::test]
async fn a_hundred_thousand_members_are_made_and_thinned_out_quickly() {
    let mut state = SaplingState::new("robot@acme.example");
    let now = crate::clock::now();
    for team in 0..500 {
        let team = state.add_team(&format!("Team {team}"));
        for person in 0..200 {
            team.add_member(TeamUser::new(&format!("p{person}@example.com"), now));
        }
    }
    let started = std::time::Instant::now();
    for team in 0..500 {
        let team = state.at(team);
        for person in 0..10 {
            team.remove_member(&format!("p{person}@example.com"))
                .unwrap();
        }
        assert_eq!(team.members().len(), 191);
    }
    assert!(started.elapsed().as_secs() < 5);
    let (first, again) = (state.at(0).listing(), state.at(0).listing());
    assert_eq!(first.as_ptr(), again.as_ptr(), "a listing is made once");
}
