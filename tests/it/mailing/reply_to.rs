//! `mail.reply_to`: who gets the answers, in each mail's header and in words for owners.

use mail_parser::{Address, MessageParser};

use super::review::{ASKED, RECORDED, world};

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_to_the_address_in_the_configuration_and_owners_read_it() {
    let mut world = world("keep").await;
    world.config.notices = "reply_to = \"IT <help@acme.example>\"".to_owned();
    let rows = [
        "jane@example.com,sentius:acme,never,olga@acme.example",
        "bob@example.com,sentius:acme,2030-04-03T12:00:00Z,olga@acme.example",
    ];
    world.owned_grants(RECORDED, &rows).await;

    let (run, letters) = world.run_at(ASKED).await;

    assert_eq!(
        run.mails(),
        [
            "report it@acme.example sent",
            "notice olga@acme.example sent",
            "review olga@acme.example sent"
        ]
    );
    for mail in world.mail.mails() {
        let mail = MessageParser::default().parse(&mail.data).unwrap();
        let reply_to = mail.reply_to().and_then(Address::first).unwrap();
        assert_eq!(
            (reply_to.name(), reply_to.address()),
            (Some("IT"), Some("help@acme.example"))
        );
    }
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        let words = letter.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = "answer this mail: help@acme.example gets it";
        assert!(words.contains(told), "{words}");
        assert!(letter.html.contains(told), "{}", letter.html);
    }
}
