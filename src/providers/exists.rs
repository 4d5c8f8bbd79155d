//! Whether a refusal says that the whitelist has an entry for the address already. The document
//! does not say what a second entry comes to, so this goes by what refusals say in words.

/// Words that alone are enough.
const PLAIN: [&str; 3] = ["duplicate", "duplicated", "duplicates"];

/// Words after "already" that are about an entry.
const ALREADY: [&str; 13] = [
    "added",
    "exist",
    "existing",
    "exists",
    "granted",
    "has",
    "in",
    "invited",
    "listed",
    "on",
    "present",
    "registered",
    "whitelisted",
];

/// The subjects of "exists" or "already in" that mean the entry.
const SUBJECTS: [&str; 11] = [
    "address",
    "email",
    "emails",
    "entry",
    "it",
    "list",
    "member",
    "person",
    "record",
    "user",
    "whitelist",
];

/// Words that add nothing to the status 409.
const BARE: [&str; 4] = ["409", "conflict", "error", "http"];

/// Things other than the entry that a refusal may name.
const OTHERS: [&str; 25] = [
    "account",
    "another",
    "concurrent",
    "contract",
    "contracts",
    "different",
    "domain",
    "elsewhere",
    "key",
    "licence",
    "license",
    "limit",
    "locked",
    "modified",
    "permission",
    "permissions",
    "plan",
    "progress",
    "quota",
    "request",
    "retry",
    "seat",
    "seats",
    "subscription",
    "version",
];

/// Words that turn what is said into its opposite.
const NOT: [&str; 14] = [
    "cannot",
    "cant",
    "doesnt",
    "dont",
    "isnt",
    "neither",
    "never",
    "no",
    "nobody",
    "none",
    "nonexistent",
    "nor",
    "not",
    "without",
];

/// Whether a refusal with this status says that an entry exists: in words, or as a conflict that names
/// no other reason.
pub(super) fn says_that_it_exists(status: u16, message: &str) -> bool {
    let message = plain(message);
    let is_bare = |words: Vec<&str>| words.iter().all(|word| BARE.contains(word));
    match status {
        400 | 422 => clauses(&message).any(|words| says_so(&words)),
        409 => clauses(&message).any(|words| says_so(&words)) || clauses(&message).all(is_bare),
        _ => false,
    }
}

/// Whether a refusal may mean that, without saying so: a 409 that says nothing against it. Enough to
/// replace an entry that is known to be there, and no yes to posting a new one.
pub(super) fn may_mean_that_it_exists(status: u16, message: &str) -> bool {
    let speaks_against = |word: &&str| NOT.contains(word) || OTHERS.contains(word);
    status == 409 && !clauses(&plain(message)).any(|words| words.iter().any(speaks_against))
}

/// In lower case, and without addresses: their dots end no clause.
fn plain(message: &str) -> String {
    let message = message.to_lowercase().replace(['\'', '’'], "");
    let words = message
        .split_whitespace()
        .filter(|word| !word.contains('@'));
    words.collect::<Vec<_>>().join(" ")
}

/// The words of each clause: "not" in one says nothing about the next.
fn clauses(message: &str) -> impl Iterator<Item = Vec<&str>> {
    message.split(['.', ',', ';', ':', '!', '?']).map(|clause| {
        let words = clause.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| !word.is_empty()).collect()
    })
}

fn says_so(words: &[&str]) -> bool {
    if words.iter().any(|word| NOT.contains(word)) {
        return false;
    }
    let is_about_another = words.iter().any(|word| OTHERS.contains(word));
    if words.iter().any(|word| PLAIN.contains(word)) {
        return !is_about_another;
    }
    let already = words.iter().position(|word| *word == "already");
    let already = already.and_then(|at| {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let after = words.get(at + 1);
        let about = |word: Option<&&str>| word.is_some_and(|word| ALREADY.contains(word));
        // "already exists", and "exists already".
        (about(after) || about(before)).then_some(())
    });
    let exists = words.contains(&"exists");
    if already.is_none() && !exists {
        return false;
    }
    let is_alone = words.len() <= 2;
    let is_about_it = words.iter().any(|word| SUBJECTS.contains(word));
    (is_alone || is_about_it) && !is_about_another
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_that_says_so_means_that_an_entry_exists() {
        for (message, exists) in [
            ("User already in whitelist", true),
            ("User already exists", true),
            ("User already exists in whitelist", true),
            ("already exists", true),
            ("exists already", true),
            ("Exists", true),
            ("email: Duplicate entry", true),
            ("An entry for this email exists.", true),
            ("user is already on the whitelist", true),
            ("This address is already whitelisted", true),
            ("User already in your organization", true),
            ("the email has been added: it exists already", true),
            ("user already added, not changed", true),
            ("Email jane@example.com already exists", true),
            ("duplicate request, try again", false),
            ("no contract exists beyond 2027-01-01", false),
            ("No account exists for this email", false),
            ("this domain does not exist", false),
            ("user doesn't exist", false),
            ("the user does not exist yet", false),
            ("a contract exists with another end", false),
            ("a request for this user exists already", false),
            ("organization already exists", false),
            ("the quota is already used up", false),
            ("the limit already in place is 5", false),
            ("email is not an address", false),
            ("already expired key", false),
            ("nonexistent user", false),
            ("", false),
        ] {
            for status in [400, 422] {
                assert_eq!(says_that_it_exists(status, message), exists, "{message}");
            }
            for status in [401, 403, 404, 429, 500] {
                assert!(!says_that_it_exists(status, message), "{message}");
            }
        }
    }

    #[test]
    fn a_conflict_may_mean_it_unless_it_says_something_else() {
        for (message, exists) in [
            ("Conflict", true),
            ("", true),
            ("User already exists", true),
            ("try again: the user exists already", true),
            ("no contract exists beyond 2027", false),
            ("the user does not exist", false),
            ("version is stale, retry", false),
            ("another change is in progress", false),
            ("all seats are taken", false),
            ("quota reached", false),
            ("user exists in another organization", false),
        ] {
            assert_eq!(may_mean_that_it_exists(409, message), exists, "{message}");
            assert!(!may_mean_that_it_exists(400, message), "{message}");
        }
        for (message, exists) in [
            ("Conflict", true),
            ("", true),
            ("HTTP 409: Conflict", true),
            ("x", false),
            ("the whitelist is closed", false),
            ("User already exists", true),
            ("user exists in another organization", false),
        ] {
            assert_eq!(says_that_it_exists(409, message), exists, "{message}");
        }
    }
}
