//! A connection that ends before the dot does: the mail cannot have been taken, and is not treated as
//! one that may have arrived.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use lapsed::sandbox::{MailOptions, MailSink, SaplingState, SentiusState};

use crate::desk::{Desk, Providers};

/// A mail server that says yes to all and says goodbye as soon as it has asked for the mail.
fn leaver() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let _ = client.and_then(leave);
        }
    });
    port
}

fn leave(mut client: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    client.write_all(b"220 here\r\n")?;
    for line in &mut lines {
        match line?.as_str() {
            "DATA" => break,
            _ => client.write_all(b"250 yes\r\n")?,
        }
    }
    client.write_all(b"354 go\r\n")?;
    client.shutdown(Shutdown::Write)?;
    // Read to the end, so that nothing but the end is heard.
    lines.for_each(drop);
    Ok(())
}

fn configure(providers: &Providers, port: u16) -> Desk {
    providers.desk(&format!(
        "[mail]\nfrom = \"lapsed@acme.example\"\nto = [\"it@acme.example\"]\n[mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n",
    ))
}

fn states(desk: &Desk) -> (Option<i32>, Vec<String>, String) {
    let ran = desk.run(&["--run-now", "--format", "json"]);
    let result: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let mails = result["mails"].as_array().unwrap().iter();
    let states = mails.map(|mail| mail["state"].as_str().unwrap().to_owned());
    (ran.code, states.collect(), ran.err)
}

#[test]
fn a_mail_whose_connection_ended_before_the_dot_goes_out_with_the_next_pass() {
    let sapling = SaplingState::new("robot@acme.example");
    let sentius = SentiusState::new("0123456789abcdef0123456789abcdef");
    let providers = Providers::start(sentius, sapling);
    let sink = MailSink::start(MailOptions::default());
    let sink = providers.runtime.block_on(sink).unwrap();
    let leaver = leaver();
    let desk = configure(&providers, leaver);
    // Large enough that the end comes while the mail is still under way.
    let row = |n| format!("person{n:04}@example.com,sentius:acme,2026-01-01,never\n");
    let rows: String = (0..3000).map(row).collect();
    desk.import(format!("email,target,start,end\n{rows}"));

    let (code, mails, said) = states(&desk);
    assert_eq!((code, mails), (Some(3), vec!["failed".to_owned()]));
    assert!(
        said.contains("the connection broke at the message"),
        "{said}"
    );
    assert!(!said.contains("may have arrived"), "{said}");

    let toml = std::fs::read_to_string(desk.path("lapsed.toml")).unwrap();
    let toml = toml.replace(
        &format!("port = {leaver}\n"),
        &format!("port = {}\n", sink.port()),
    );
    desk.write("lapsed.toml", toml);
    let (code, mails, said) = states(&desk);
    assert_eq!(
        (code, mails),
        (Some(0), vec!["sent".to_owned(); 2]),
        "{said}"
    );
    assert_eq!(sink.mails().len(), 2);
}
