//! A search for people by a part of their address: a bounded amount of work, whatever is on record.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::near::beginning_with;
use crate::store::StoreError;

/// The entries of each index that are looked through for a part in the middle of an address.
const LOOKED_THROUGH: usize = 100_000;

/// The addresses, in the order of an index, so that nothing is sorted before the first.
const ADDRESSES: [&str; 5] = [
    "SELECT email_key FROM grants INDEXED BY grants_person",
    "SELECT email_key FROM invite INDEXED BY invite_person",
    "SELECT email_key FROM action INDEXED BY action_person",
    "SELECT email_key FROM member INDEXED BY member_past WHERE valid_to IS NOT NULL",
    "SELECT email_key FROM member INDEXED BY member_team WHERE valid_to IS NULL",
];

/// The people found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Their addresses in canonical form: those that begin with the text first.
    pub(crate) people: Vec<String>,
    /// Whether there are more than could be told.
    pub(crate) more: bool,
    /// Whether addresses that do not begin with the text were left unread.
    pub(crate) unread: bool,
}

/// At most so many people whose address has this part, in canonical form.
pub(crate) fn search(db: &Connection, part: &str, most: usize) -> Result<Found, StoreError> {
    search_within(db, part, most, LOOKED_THROUGH)
}

fn search_within(
    db: &Connection,
    part: &str,
    most: usize,
    looked_through: usize,
) -> Result<Found, StoreError> {
    let mut people = beginning_with(db, part, most + 1)?;
    let mut unread = false;
    let mut within = BTreeSet::new();
    let wanted = (most + 1).saturating_sub(people.len());
    for addresses in ADDRESSES {
        if within.len() >= wanted {
            break;
        }
        let mut statement = db.prepare_cached(addresses)?;
        let mut rows = statement.query([])?;
        let mut read = 0;
        while let Some(row) = rows.next()? {
            if read == looked_through {
                unread = true;
                break;
            }
            read += 1;
            let address = row.get_ref(0)?.as_str()?;
            if address.contains(part) && !address.starts_with(part) && !within.contains(address) {
                within.insert(address.to_owned());
                if within.len() == wanted {
                    break;
                }
            }
        }
    }
    people.extend(within);
    let more = people.len() > most;
    people.truncate(most);
    Ok(Found {
        people,
        more,
        // Where more are known, that is told.
        unread: unread && !more,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn those_that_begin_with_the_text_come_first_and_what_is_left_out_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("lapsed.db")).unwrap();
        store
            .write(|db| {
                db.execute_batch(
                    "INSERT INTO target (id, provider, account, name) VALUES (1, 'sapling', 'acme', 'Core');
                     INSERT INTO invite (target, email, email_key, registered, confirmed, permissions, first_seen)
                     SELECT 1, value, value, 0, 0, '', 0 FROM json_each(
                         '[\"ann@b.example\", \"ben@a.example\", \"cyd@b.example\", \"ben@b.example\"]');
                     INSERT INTO member (target, remote_id, email, email_key, is_admin, is_manager, edit_permission,
                                         inspect_permission, first_seen, valid_from)
                     VALUES (1, 'x', 'aben@b.example', 'aben@b.example', 0, 0, 0, 0, 0, 0);",
                )?;
                Ok(())
            })
            .await
            .unwrap();
        let ask = |part: &'static str, most, looked_through| {
            let store = store.clone();
            async move {
                let search = move |db: &Connection| search_within(db, part, most, looked_through);
                let found = store.read(search).await.unwrap();
                (found.people.join(" "), found.more, found.unread)
            }
        };
        let told = |people: &str, more, unread| (people.to_owned(), more, unread);
        let all = told("ben@a.example ben@b.example aben@b.example", false, false);
        assert_eq!(ask("ben@", 3, 9).await, all);
        let two = told("ben@a.example ben@b.example", true, false);
        assert_eq!(ask("ben@", 2, 9).await, two);
        let first = told("ann@b.example", false, true);
        assert_eq!(ask("nn@b", 9, 1).await, first);
        assert_eq!(ask("nobody", 9, 9).await, told("", false, false));
    }
}
