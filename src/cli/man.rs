//! The manual: a page for each command from the definition of the command line, and one of the
//! configuration from its schema.

use std::io;

use clap::{Arg, ArgAction, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::Value;

use super::Cli;
use crate::config;

const EXIT_STATUS: [(&str, &str); 7] = [
    ("0", "All that was due is done."),
    ("1", "It could not run: database, lock, internal."),
    ("2", "Usage or configuration."),
    (
        "3",
        "It ran, but a provider could not be read, an action failed, or mail could not be sent: it will be tried again.",
    ),
    ("4", "Something waits for a person's word."),
    ("5", "Another pass is running on this database."),
    (
        "6",
        "import --source --dry-run: the file is different from what it gave before.",
    ),
];

const FILES: [(&str, &str); 3] = [
    (
        "/etc/lapsed/lapsed.toml",
        "The configuration, as lapsed.toml(5) describes it.",
    ),
    (
        "/etc/lapsed/sentius-key, sapling-key, smtp-key, status-token",
        "The keys: root's, mode 600. systemd hands them to the service.",
    ),
    (
        "/var/lib/lapsed/lapsed.db",
        "Grants, history and audit trail, with the files of the same name beside it.",
    ),
];

const ENVIRONMENT: [(&str, &str); 4] = [
    ("LAPSED_CONFIG", "The configuration, as by --config."),
    (
        "LAPSED__SECTION__KEY",
        "Overrides a key of the configuration, such as LAPSED__HTTP__TIMEOUT=5s.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "Where credentials lie; systemd sets it for the service. Without it they lie beside the configuration.",
    ),
    ("NO_COLOR", "Not empty: no colours on a terminal."),
];

/// Every page, by the name of its file; the main one first.
pub(super) fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut main = Cli::command().disable_help_subcommand(true);
    main.build();
    let mut commands = vec![main.clone()];
    let mut found = 0;
    while let Some(command) = commands.get(found) {
        let below: Vec<Command> = command.get_subcommands().cloned().collect();
        commands.extend(below);
        found += 1;
    }
    let names: Vec<String> = commands.iter().map(name).collect();
    let mut pages = Vec::new();
    for command in commands {
        let own = name(&command);
        pages.push((format!("{own}.1"), page(command, &own, &names)?));
    }
    pages.push(("lapsed.toml.5".to_owned(), configuration()?));
    Ok(pages)
}

fn name(command: &Command) -> String {
    let name = command.get_display_name();
    name.unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: Command, own: &str, names: &[String]) -> io::Result<Vec<u8>> {
    let more = command.get_after_help().map(ToString::to_string);
    let usage = synopsis(&command);
    let has_commands = command.has_subcommands();
    let man = Man::new(command.override_usage(usage))
        .source(concat!("lapsed ", env!("CARGO_PKG_VERSION")))
        .manual("lapsed");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    // Nobody can copy a command or a path that is split in two.
    page.extend_from_slice(b".nh\n");
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    let (notes, examples) = told(more.as_deref().unwrap_or_default());
    block(&mut roff, "NOTES", &notes);
    block(&mut roff, "EXAMPLES", &examples);
    list(&mut roff, "EXIT STATUS", &EXIT_STATUS);
    list(&mut roff, "FILES", &FILES);
    list(&mut roff, "ENVIRONMENT", &ENVIRONMENT);
    let others = names.iter().filter(|name| match own {
        "lapsed" => *name != own,
        // A command's own family, and the main page.
        _ => *name == "lapsed" || name.starts_with(&format!("{own}-")),
    });
    let mut see: Vec<String> = others.map(|name| format!("{name}(1)")).collect();
    see.push("lapsed.toml(5)".to_owned());
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(see.join(", "))]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// How the command is written: options with their values, without those of every command.
fn synopsis(command: &Command) -> String {
    let is_own = |arg: &&Arg| {
        !arg.is_global_set()
            && !arg.is_hide_set()
            && !["help", "version"].contains(&arg.get_id().as_str())
    };
    let mut words = vec![
        command
            .get_bin_name()
            .unwrap_or_else(|| command.get_name())
            .to_owned(),
    ];
    let (places, options): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(is_own)
        .partition(|arg| arg.is_positional());
    for arg in options.into_iter().chain(places) {
        let value = arg.get_value_names().map(|names| names.join(" "));
        let value = value.unwrap_or_else(|| arg.get_id().as_str().to_uppercase());
        let word = match arg.get_long() {
            Some(long) if takes_value(arg) => format!("--{long} {value}"),
            Some(long) => format!("--{long}"),
            None => value,
        };
        words.push(match arg.is_required_set() {
            true => word,
            false => format!("[{word}]"),
        });
    }
    if command.has_subcommands() {
        words.push("[COMMAND]".to_owned());
    }
    words.join(" ")
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// Takes the text below a command's help apart: what is said, and the examples.
fn told(text: &str) -> (String, String) {
    // The main page has a section of its own for these.
    let text = text.split("\n\nExit codes:").next().unwrap_or_default();
    for heading in ["Examples:\n", "Example:\n"] {
        if let Some((notes, examples)) = text.split_once(heading) {
            return (notes.trim_end().to_owned(), examples.to_owned());
        }
    }
    (text.to_owned(), String::new())
}

/// A section of paragraphs; indented lines stay lines.
fn block(roff: &mut Roff, heading: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    roff.control("SH", [heading]);
    lines(roff, text);
}

fn lines(roff: &mut Roff, text: &str) {
    let mut is_kept = false;
    for line in text.lines() {
        let keep = line.starts_with(' ') || (is_kept && line.is_empty());
        if keep != is_kept {
            roff.control(if keep { "nf" } else { "fi" }, []);
            is_kept = keep;
        }
        match line {
            "" if !keep => roff.control("PP", []),
            line => roff.text([roman(line)]),
        };
    }
    if is_kept {
        roff.control("fi", []);
    }
}

fn list(roff: &mut Roff, heading: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (word, said) in entries {
        roff.control("TP", []);
        roff.text([bold(*word)]);
        roff.text([roman(*said)]);
    }
}

/// lapsed.toml(5).
fn configuration() -> io::Result<Vec<u8>> {
    let mut roff = Roff::new();
    let source = concat!("lapsed ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["lapsed.toml", "5", "", source, "lapsed"]);
    roff.control("nh", []);
    roff.control("SH", ["NAME"]);
    roff.text([roman("lapsed.toml - the configuration of lapsed")]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([roman("/etc/lapsed/lapsed.toml")]);
    roff.control("SH", ["DESCRIPTION"]);
    lines(
        &mut roff,
        "A file in TOML. lapsed init writes one, lapsed check tells whether all is well with it, and lapsed schema prints what follows for editors. Unknown keys are errors.\n\n\
         Spans are written 30s, 15m, 36h, 14d, 6w; a day is 24 hours. Relative paths start at the directory that lapsed is run in.\n\n\
         Each key can be overridden by the environment as LAPSED__SECTION__KEY: lists are separated by commas, and one of several sections is meant by its place, from 0, or by its name, as in LAPSED__SENTIUS__ACME__BASE_URL.",
    );
    let schema = config::schema();
    roff.control("SH", ["KEYS OUTSIDE OF SECTIONS"]);
    values(&mut roff, &schema);
    sections(&mut roff, &schema, "");
    list(&mut roff, "FILES", &FILES);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(
        "lapsed(1), lapsed-init(1), lapsed-check(1), lapsed-schema(1)",
    )]);
    let mut page = Vec::new();
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// The sections below a table, each with its keys.
fn sections(roff: &mut Roff, table: &Value, path: &str) {
    let Some(properties) = table["properties"].as_object() else {
        return;
    };
    for (key, schema) in properties {
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        let (heading, below) = match (&schema["properties"], &schema["items"]["properties"]) {
            (Value::Object(_), _) => (format!("[{path}]"), schema),
            (_, Value::Object(_)) => (format!("[[{path}]]"), &schema["items"]),
            _ => continue,
        };
        roff.control("SH", [heading.as_str()]);
        lines(roff, schema["description"].as_str().unwrap_or_default());
        values(roff, below);
        sections(roff, below, &path);
    }
}

/// The keys of a table.
fn values(roff: &mut Roff, table: &Value) {
    let Some(properties) = table["properties"].as_object() else {
        return;
    };
    let required = table["required"].as_array().map_or(&[][..], Vec::as_slice);
    for (key, schema) in properties {
        if schema["properties"].is_object() || schema["items"]["properties"].is_object() {
            continue;
        }
        let mut form = match schema["enum"].as_array() {
            Some(words) => words
                .iter()
                .map(Value::to_string)
                .collect::<Vec<_>>()
                .join(" or "),
            None => match schema["type"].as_str() {
                Some("string") => "text".to_owned(),
                Some("boolean") => "true or false".to_owned(),
                Some("array") => "list of texts".to_owned(),
                Some("integer") => "whole number".to_owned(),
                other => other.unwrap_or_default().to_owned(),
            },
        };
        if required.iter().any(|needed| needed == key) {
            form += ", needed";
        }
        if let Some(default) = schema.get("default") {
            form += &format!(", default {default}");
        }
        roff.control("TP", []);
        roff.text([bold(key.as_str()), roman(format!(" ({form})"))]);
        lines(roff, schema["description"].as_str().unwrap_or_default());
        if let Some(example) = schema["examples"].get(0) {
            roff.control("br", []);
            roff.text([roman(format!("Example: {key} = {example}"))]);
        }
    }
}
