//! On which line a key stands: the parser that `config` uses drops that.
//!
//! It only has to point a person at the place and is no second parser: keys inside inline tables
//! and quoted keys are skipped, and their problems point at the table around them.

use std::collections::HashMap;

/// Maps key paths such as `sapling[0].team[1].max_age` to lines, counted from one.
pub(super) fn lines(text: &str) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    let mut tables = HashMap::new();
    let mut table = String::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if let Some(name) = header(line, "[[", "]]") {
            table = path_of(name, &mut tables, true);
            found.entry(table.clone()).or_insert(number);
        } else if let Some(name) = header(line, "[", "]") {
            table = path_of(name, &mut tables, false);
            found.entry(table.clone()).or_insert(number);
        } else if let Some((key, _)) = line.split_once('=')
            && let Some(key) = bare(key)
        {
            found.entry(join(&table, &key)).or_insert(number);
        }
    }
    found
}

/// `key` below `table`, which may be the root.
pub(super) fn join(table: &str, key: &str) -> String {
    if table.is_empty() {
        key.to_owned()
    } else {
        format!("{table}.{key}")
    }
}

fn header<'t>(line: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let (name, rest) = line.strip_prefix(open)?.split_once(close)?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(name)
}

/// The path of a table, where each array of tables on the way stands at its latest element.
fn path_of(name: &str, arrays: &mut HashMap<String, usize>, new_element: bool) -> String {
    let mut path = String::new();
    let parts: Vec<&str> = name.split('.').map(str::trim).collect();
    for (index, part) in parts.iter().enumerate() {
        path = join(&path, part);
        if new_element && index + 1 == parts.len() {
            let count = arrays.entry(path.clone()).or_insert(0);
            *count += 1;
        }
        if let Some(count) = arrays.get(&path) {
            path = format!("{path}[{}]", count - 1);
        }
    }
    path
}

/// A key of letters, digits, dashes and underscores, or several of them joined by dots.
fn bare(key: &str) -> Option<String> {
    let parts: Vec<&str> = key.split('.').map(str::trim).collect();
    let is_bare = |part: &&str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    parts.iter().all(is_bare).then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_below_tables_and_arrays_of_tables() {
        let text = "timezone = \"UTC\"\n\
            # pass = 1\n\
            [schedule] # when\n\
            pass = \"x = y\"\n\
            [[sapling]]\n\
            name = \"a\"\n\
            [[sapling.team]]\n\
            max_age = \"1d\"\n\
            [[sapling.team]]\n\
            max_age = \"2d\"\n\
            [[sapling]]\n\
            [[sapling.team]]\n\
            max_age = \"3d\"\n\
            [ mail.smtp ]\n\
            http.timeout = 5\n\
            to = [\n\
              \"a@x.org\",\n\
            ]\n";
        let found = lines(text);
        for (key, line) in [
            ("timezone", 1),
            ("schedule", 3),
            ("schedule.pass", 4),
            ("sapling[0]", 5),
            ("sapling[0].name", 6),
            ("sapling[0].team[0].max_age", 8),
            ("sapling[0].team[1].max_age", 10),
            ("sapling[1].team[0].max_age", 13),
            ("mail.smtp", 14),
            ("mail.smtp.http.timeout", 15),
            ("mail.smtp.to", 16),
        ] {
            assert_eq!(found.get(key), Some(&line), "{key}");
        }
        assert!(!found.contains_key("mail.smtp.\"a@x.org\""));
    }
}
