//! Names and addresses that would act in a terminal or a spreadsheet, on their way through it all.

use lapsed_sandbox::{Fault, SaplingState, SentiusState, TeamUser, When};

use crate::desk::Providers;

#[test]
fn no_text_can_act_in_a_spreadsheet_or_a_terminal() {
    let mut sapling = SaplingState::new("robot@acme.example");
    let since = lapsed::clock::now();
    let team = sapling.add_team("Co\u{1b}]0;owned\u{7}re\u{9b}31m\u{202e}\u{200b}\u{ad}\u{e0041}");
    team.add_member(TeamUser::new("=cmd\u{1b}[2J\u{9b}2J@acme.example", since));
    team.add_member(TeamUser::new("@sum\r\n(a1)@acme.example", since));
    let providers = Providers::start(
        SentiusState::new("0123456789abcdef0123456789abcdef"),
        sapling,
    );
    let desk = providers.desk("");
    desk.import("email,target,name,reason\njane@acme.example,sentius:acme,=1+1,\"@SUM(A1),-2\"\njim@acme.example,sentius:acme,+1,\u{202e}evil\n");
    let grants = desk.good(&["list", "--format", "csv"]);
    assert!(
        grants.contains(",'=1+1,") && grants.contains(",'+1,"),
        "{grants}"
    );
    assert!(grants.contains("\"'@SUM(A1),-2\""), "{grants}");
    let mut outputs = vec![grants];
    let fails = Fault::status(400);
    for round in 0..2 {
        let run = desk.run(&["--run-now", "--log-level", "debug"]);
        outputs.extend([run.out, run.err]);
        outputs.push(desk.run(&["--run-now", "--format", "json"]).out);
        for args in [
            &["list"][..],
            &["list", "--format", "json"],
            &["members"],
            &["members", "--format", "json"],
            &["members", "--format", "csv"],
            &["report"],
            &["report", "--format", "json"],
            &["report", "--format", "csv"],
            &["audit", "export"],
        ] {
            outputs.push(desk.good(args).replace("\r\n", "\n"));
        }
        let members = desk.good(&["members", "--format", "csv"]);
        assert!(
            members.contains("\n'=cmd") && members.contains("\n'@sum"),
            "{members}"
        );
        // And what cannot be read is told with its name.
        if round == 0 {
            providers
                .sapling
                .faults()
                .always(When::any().path("team_user"), fails.clone());
        }
    }
    for output in outputs {
        // CSV is data for programs, and there a mark that turns text stays part of a name.
        let is_csv = output
            .lines()
            .next()
            .is_some_and(|line| line.contains(",email,") || line.starts_with("email,"));
        let bends = |c: char| matches!(c, '\u{202e}' | '\u{200b}' | '\u{ad}' | '\u{e0041}');
        let active = |c: char| c.is_control() && c != '\n' || bends(c) && !is_csv;
        assert!(!output.contains(active), "{output:?}");
    }
}
