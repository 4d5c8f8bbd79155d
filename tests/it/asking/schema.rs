//! `lapsed schema`: what an editor is told of the configuration is what lapsed takes.

use std::fs;

use boon::{Compiler, SchemaIndex, Schemas};
use lapsed::config::{Keys, load_with};
use serde_json::Value;

use crate::desk::Desk;

const SHIPPED: &str = include_str!("../../../config/lapsed.toml");

/// The schema, compiled, and a place for configurations.
struct Editor {
    desk: Desk,
    schema: Value,
    schemas: Schemas,
    index: SchemaIndex,
}

impl Editor {
    fn new() -> Self {
        let desk = Desk::new();
        fs::remove_file(desk.path("lapsed.toml")).unwrap();
        // It needs no configuration.
        let schema = desk.json(&["schema"]);
        let mut compiler = Compiler::new();
        compiler
            .add_resource("config.json", schema.clone())
            .unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("config.json", &mut schemas).unwrap();
        Self {
            desk,
            schema,
            schemas,
            index,
        }
    }

    /// What the schema has against this TOML.
    fn marks(&self, toml: &str) -> Option<String> {
        let read = config::Config::builder()
            .add_source(config::File::from_str(toml, config::FileFormat::Toml))
            .build()
            .unwrap();
        let value: Value = read.try_deserialize().unwrap();
        let checked = self.schemas.validate(&value, self.index);
        checked.err().map(|error| format!("{error:#}"))
    }

    /// What lapsed has against it.
    fn refuses(&self, toml: &str) -> Option<String> {
        self.desk.write("lapsed.toml", toml);
        let loaded = load_with(&self.desk.path("lapsed.toml"), Keys::Leave, []);
        loaded.err().map(|error| error.to_string())
    }
}

/// The shipped file with all on that is off.
fn all_on() -> Vec<String> {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    SHIPPED.lines().map(on).collect()
}

#[test]
fn the_shipped_file_keeps_to_it_with_all_off_and_with_all_on() {
    let editor = Editor::new();
    assert_eq!(editor.marks(SHIPPED), None);
    assert_eq!(editor.marks(&all_on().join("\n")), None);
    assert_eq!(editor.marks(""), None);
}

#[test]
fn every_change_that_lapsed_takes_is_taken_and_what_it_does_not_know_is_marked() {
    let editor = Editor::new();
    let lines = all_on();
    let changed = |at: usize, line: &str| {
        let mut lines = lines.clone();
        line.clone_into(&mut lines[at]);
        lines.join("\n")
    };
    let (mut both, mut loose) = (0, 0);
    let mut compare = |toml: &str, must_be_marked: bool| {
        let (marked, refused) = (editor.marks(toml), editor.refuses(toml));
        match (&marked, &refused) {
            (Some(marked), None) => panic!("marked, and taken: {toml}\n{marked}"),
            (None, Some(refused)) if must_be_marked => panic!("not marked: {toml}\n{refused}"),
            (None, None) if must_be_marked => panic!("taken: {toml}"),
            (Some(_), Some(_)) => both += 1,
            (None, Some(_)) => loose += 1,
            (None, None) => {}
        }
    };
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with('[') {
            compare(&changed(at, &format!("{line}\nno_such_key = 1")), true);
        }
        let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else {
            continue;
        };
        compare(&changed(at, &format!("{key}x = {value}")), true);
        for wrong in ["[[1]]", "{ x = 1 }", "[7]"] {
            compare(&changed(at, &format!("{key} = {wrong}")), true);
        }
        for odd in [
            "true",
            "-1",
            "0",
            "1.5",
            "\"\"",
            "\"x y\"",
            "\"14d\"",
            "[]",
            "[\"a@example.com\"]",
        ] {
            compare(&changed(at, &format!("{key} = {odd}")), false);
        }
        compare(&changed(at, ""), false);
    }
    let sentius = "[[sentius]]\nname = \"a\"\nbase_url = \"https://x.example\"\n";
    let mail = "[mail]\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n";
    for (toml, is_good) in [
        (sentius.to_owned(), false),
        (format!("{sentius}api_key_env = \"A\""), true),
        (
            format!("{sentius}api_key_env = \"A\"\napi_key_file = \"a\""),
            false,
        ),
        (
            format!("{sentius}api_key_env = \"A\"\n[[sapling]]\n"),
            false,
        ),
        (mail.to_owned(), false),
        (format!("{mail}[mail.directory]\npath = \"x\""), true),
        (
            format!("{mail}[mail.directory]\npath = \"x\"\n[mail.smtp]\nhost = \"h\""),
            false,
        ),
        (format!("{mail}[mail.smtp]\nhost = \"h\""), true),
        (
            format!("{mail}[mail.smtp]\nhost = \"h\"\nusername = \"u\""),
            false,
        ),
        (
            format!("{mail}[mail.smtp]\nhost = \"h\"\npassword_env = \"P\""),
            false,
        ),
        (
            format!("{mail}[mail.smtp]\nhost = \"h\"\nusername = \"u\"\npassword_env = \"P\""),
            true,
        ),
        ("[alarm]".to_owned(), false),
        ("[status]".to_owned(), false),
        (
            "[status]\nlisten = \"127.0.0.1:1\"\ntoken_env = \"A\"\ntoken_file = \"b\"".to_owned(),
            false,
        ),
        ("[http]\nconcurrency = 257".to_owned(), false),
        (
            "[policy]\ngrace = \"1w 2d\"\ninvite_stale_after = \"36h\"".to_owned(),
            true,
        ),
        ("[policy]\ngrace = \"14\"".to_owned(), false),
        ("[policy]\nreturned = \"never\"".to_owned(), false),
        ("[schedule]\npass = \"*/15 * * * *\"".to_owned(), false),
    ] {
        compare(&toml, !is_good);
        assert_eq!(editor.refuses(&toml).is_none(), is_good, "{toml}");
    }
    // What a schema cannot say, such as that a host exists, is little.
    assert!(both > 300 && loose * 4 < both, "{both} {loose}");
}

/// Every single value of the schema: the table's header, or none, and the key.
fn keys(schema: &Value, table: &str, is_list: bool, found: &mut Vec<(String, String)>) {
    for (key, schema) in schema["properties"].as_object().unwrap() {
        let below = match table {
            "" => key.clone(),
            table => format!("{table}.{key}"),
        };
        if schema["properties"].is_object() {
            keys(schema, &below, false, found);
        } else if schema["items"]["properties"].is_object() {
            keys(&schema["items"], &below, true, found);
        } else {
            let header = match (table, is_list) {
                ("", _) => String::new(),
                (table, true) => format!("[[{table}]]"),
                (table, false) => format!("[{table}]"),
            };
            assert!(
                schema["description"].is_string()
                    || schema["examples"].is_array()
                    || schema["default"] != Value::Null,
                "{below} is not explained"
            );
            assert!(schema["type"].is_string(), "{below}");
            found.push((header, key.clone()));
        }
    }
}

#[test]
fn every_key_of_it_is_known_to_lapsed_and_explained() {
    let editor = Editor::new();
    let mut found = Vec::new();
    keys(&editor.schema, "", false, &mut found);
    assert!(found.len() > 40, "{found:?}");
    for (header, key) in found {
        let parent = match header.as_str() {
            "[[sapling.team]]" => "[[sapling]]\n",
            _ => "",
        };
        let told = |key: &str| {
            let refused = editor.refuses(&format!("{parent}{header}\n{key} = {{}}"));
            refused.unwrap_or_default()
        };
        let unknown = |key: &str| format!("{key}: unknown key");
        assert!(!told(&key).contains(&unknown(&key)), "{header} {key}");
        let wrong = format!("{key}x");
        assert!(told(&wrong).contains(&unknown(&wrong)), "{header} {wrong}");
    }
    let properties = &editor.schema["properties"];
    let default =
        |section: &str, key: &str| properties[section]["properties"][key]["default"].clone();
    assert_eq!(default("http", "concurrency"), 8);
    assert_eq!(default("policy", "grace"), "0s");
    assert_eq!(default("review", "unanswered"), "keep");
    assert_eq!(properties["timezone"]["default"], "UTC");
    // Shown in the file, and no default.
    assert_eq!(default("guard", "protected"), Value::Null);
    assert_eq!(default("status", "listen"), Value::Null);
}

#[test]
fn the_one_that_is_shipped_is_what_the_program_prints() {
    let editor = Editor::new();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema/config.json");
    let shipped = fs::read_to_string(path).unwrap();
    assert_eq!(shipped, editor.desk.good(&["schema"]));
}
