//! What the end and the age of a connection say of a mail: one that ends before the dot has not taken
//! it, and one that has served before may be refused for that alone.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use lapsed_sandbox::{MailOptions, MailSink, SaplingState, SentiusState};

use crate::desk::{Desk, Providers};
use crate::world::{Mail, World};

/// A mail server that serves each connection like this after its greeting. Returns its port.
fn server(serve: fn(TcpStream, Lines<BufReader<TcpStream>>) -> std::io::Result<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            thread::spawn(move || {
                let lines = BufReader::new(client.try_clone()?).lines();
                client.write_all(b"220 here\r\n")?;
                serve(client, lines)
            });
        }
    });
    port
}

/// Says yes to all, and ends the connection once it has asked for the mail.
fn leave(mut client: TcpStream, mut lines: Lines<BufReader<TcpStream>>) -> std::io::Result<()> {
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

/// Takes one mail for each connection.
fn take_one(mut client: TcpStream, mut lines: Lines<BufReader<TcpStream>>) -> std::io::Result<()> {
    let mut taken = 0;
    while let Some(line) = lines.next() {
        let line = line?;
        let said = match line.as_str() {
            "DATA" => {
                client.write_all(b"354 go\r\n")?;
                while lines.next().transpose()?.is_some_and(|line| line != ".") {}
                taken += 1;
                "250 taken"
            }
            mail if mail.starts_with("MAIL") && taken > 0 => "550 one mail for each connection",
            _ => "250 yes",
        };
        client.write_all(format!("{said}\r\n").as_bytes())?;
    }
    Ok(())
}

/// Takes every mail, but never says whether it knows one recipient.
fn keep_one_waiting(
    mut client: TcpStream,
    mut lines: Lines<BufReader<TcpStream>>,
) -> std::io::Result<()> {
    while let Some(line) = lines.next() {
        let line = line?;
        if line == "RCPT TO:<slow@acme.example>" {
            continue;
        }
        let said = if line == "DATA" {
            client.write_all(b"354 go\r\n")?;
            while lines.next().transpose()?.is_some_and(|line| line != ".") {}
            "250 taken"
        } else {
            "250 yes"
        };
        client.write_all(format!("{said}\r\n").as_bytes())?;
    }
    Ok(())
}

fn providers() -> Providers {
    let sapling = SaplingState::new("robot@acme.example");
    let sentius = SentiusState::new("0123456789abcdef0123456789abcdef");
    Providers::start(sentius, sapling)
}

fn configure(providers: &Providers, port: u16, to: &str) -> Desk {
    providers.desk(&format!(
        "[mail]\nfrom = \"lapsed@acme.example\"\nto = [{to}]\n[mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n",
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
    let providers = providers();
    let sink = MailSink::start(MailOptions::default());
    let sink = providers.runtime.block_on(sink).unwrap();
    let leaver = server(leave);
    // Whether the end overtakes the dot is for the system to say, now and then not.
    let desk = (0..20).map(|_| cut_off(&providers, leaver));
    let desk = desk.flatten().next().expect("the end never came first");

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

/// A desk whose mail was cut off before its end, if it was.
fn cut_off(providers: &Providers, leaver: u16) -> Option<Desk> {
    let desk = configure(providers, leaver, "\"it@acme.example\"");
    let (code, mails, said) = states(&desk);
    assert_eq!((code, mails), (Some(3), vec!["failed".to_owned()]));
    let is_cut_off = said.contains("the connection broke at the message");
    assert_ne!(is_cut_off, said.contains("may have arrived"), "{said}");
    is_cut_off.then_some(desk)
}

#[test]
fn a_sender_who_is_refused_on_a_connection_that_served_before_is_tried_on_a_new_one() {
    let providers = providers();
    let to = "\"it@acme.example\", \"boss@acme.example\", \"audit@acme.example\"";
    let desk = configure(&providers, server(take_one), to);
    let (code, mails, said) = states(&desk);
    assert_eq!(
        (code, mails),
        (Some(0), vec!["sent".to_owned(); 3]),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_was_never_tried_goes_before_what_keeps_failing() {
    let mut world = World::new().await;
    world.config.mail = Mail::At(server(keep_one_waiting));
    world.config.to = vec!["slow@acme.example", "it@acme.example"];
    for _ in 0..3 {
        let mut command = world.command(&["--run-now"]);
        // Half a minute is a second and a half here.
        command.env("LAPSED_HURRY", "1");
        let output = tokio::task::spawn_blocking(move || command.output());
        assert_eq!(output.await.unwrap().unwrap().status.code(), Some(3));
        let waits =
            "SELECT count(*) FROM outbox WHERE recipient = 'it@acme.example' AND state != 'sent'";
        assert_eq!(world.number(waits), 0);
        world.later(24 * 60);
    }
}
