//! SQL fragments that several queries share: who is covered, who is there, the state of an action.
//! Each repeats a pure rule, and a test compares it with that rule.
//!
//! Parameters: `:now`, and `:cutoff`; ends before it are acted on.

use crate::domain::presence::PROOF_AFTER;

/// The state of an action as shown, wherever one is shown. One that is being sent counts as unknown,
/// and one that was approved while a pass held it again as planned.
pub(crate) const STANDS: &str = "
    CASE WHEN state = 'held' AND approved_at IS NOT NULL THEN 'planned'
         WHEN state = 'intent' THEN 'unknown' ELSE state END";

/// That the guard holds an action until a person approves it.
pub(crate) const HELD: &str = "(settled_at IS NULL AND state = 'held' AND approved_at IS NULL)";

/// The newest run in which all stood that is held now: what `lapsed approve` takes. Whatever comes to be
/// held is in a newer hold than all before.
pub(crate) const TO_APPROVE: &str =
    "(SELECT id FROM run WHERE hold = (SELECT max(id) FROM hold) ORDER BY rowid DESC LIMIT 1)";

/// That grant `o` gives access now: it has begun, and its end is not to be acted on yet. Revoked
/// ones end at once, others after the grace. See `plan::covers`.
pub(crate) const COVERS: &str = "(o.starts_at <= :now
    AND (o.ends_at IS NULL OR o.ends_at > iif(o.revoked, :now, :cutoff)))";

/// That the row of a grant is missing from the file that it comes from, and that its end is not written
/// yet: the plan takes it for ended then, and nothing else does until the guard lets its access go.
pub(crate) const DROPPED: &str = "(dropped_at IS NOT NULL AND revoked = 0 AND removed_at IS NULL
    AND ifnull(ends_at > dropped_at, TRUE))";

/// That a grant is an open one of a person, `:person`, at `:target`. All grants of a membership belong
/// to one person, whichever of its addresses they were given to: see [`super::bearer`].
pub(crate) const OPEN_OF_PERSON: &str =
    "target = :target AND person = :person AND removed_at IS NULL";

/// The numbers of all of them, open or closed: each kind has an index of its own.
pub(crate) const ALL_OF_PERSON: &str = "(
    SELECT id FROM grants WHERE target = :target AND person = :person AND removed_at IS NULL
    UNION ALL SELECT id FROM grants WHERE target = :target AND person = :person AND removed_at IS NOT NULL)";

/// The earlier addresses `e` of membership `m` that no other has now. Rules that go from a team to a
/// whitelist, which knows addresses alone, go by these too, but only for grants that began before the
/// membership gave the address up: later ones are somebody else's.
pub(crate) const EARLIER: &str = "member m JOIN member e
    ON e.target = m.target AND e.remote_id = m.remote_id AND e.valid_to IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM member other WHERE other.target = m.target
                       AND other.email_key = e.email_key AND other.valid_to IS NULL)";

/// That grant `o` gives what grant `g` gave: any access, or the role as such or as a permission of the
/// membership. See `domain::Grant::gives`.
pub(crate) const GIVES: &str = "(g.role IS NULL OR o.role = g.role
    OR (o.role IS NULL AND instr(';' || o.permissions || ';', ';' || g.role || ';') > 0))";

/// That no grant covers the person and the role of grant `g`.
pub(crate) fn uncovered() -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM grants o WHERE o.target = g.target AND o.person = g.person
                     AND o.removed_at IS NULL AND {COVERS} AND {GIVES})"
    )
}

/// That a grant covers member `m`; `is_open` is the condition that grant `o` is not closed.
pub(crate) fn member_covered(is_open: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM grants o WHERE o.target = m.target AND o.person = m.email_key
                 AND {is_open} AND {COVERS})"
    )
}

/// When the access of grant `g`, which no grant covers, ended: with the last of the person's grants.
const LAST_END: &str = "max(
    ifnull((SELECT max(l.ends_at) FROM grants l WHERE l.target = g.target AND l.person = g.person
            AND l.removed_at IS NULL AND l.ends_at <= iif(l.revoked, :now, :cutoff)), g.ends_at),
    ifnull((SELECT max(l.ends_at) FROM grants l WHERE l.target = g.target AND l.person = g.person
            AND l.removed_at IS NOT NULL AND NOT l.refused
            AND l.ends_at <= iif(l.revoked, :now, :cutoff)), g.ends_at))";

/// That member `m` came back after the access of grant `g` had ended: see
/// `plan::returned::is_returned`.
pub(crate) fn returned() -> String {
    format!(
        "(ifnull(m.returned_at > {LAST_END}, 0)
          OR (NOT m.was_invite AND m.first_seen > {LAST_END}
              AND ifnull(m.created_at > {LAST_END} + {}, 0)))",
        PROOF_AFTER.as_millis()
    )
}

/// That the person of grant `g` is there: by an entry on a whitelist, by a membership or an invite
/// as last read, or because the team could never be read.
pub(crate) fn is_there() -> String {
    format!(
        "(EXISTS (SELECT 1 FROM entry e WHERE e.target = g.target AND e.person = g.person)
          OR EXISTS (SELECT 1 FROM member m WHERE m.target = g.target AND m.email_key = g.person
                     AND m.valid_to IS NULL AND m.missing_since IS NULL
                     AND (g.role IS NOT NULL OR NOT {})
                     AND CASE g.role WHEN 'admin' THEN m.is_admin WHEN 'manager' THEN m.is_manager
                                     WHEN 'edit' THEN m.edit_permission WHEN 'inspect' THEN m.inspect_permission
                                     ELSE 1 END)
          OR (g.role IS NULL AND EXISTS (SELECT 1 FROM invite i WHERE i.target = g.target
                     AND i.email_key = g.person AND i.gone_at IS NULL AND i.missing_since IS NULL
                     AND NOT ifnull(i.returned_at > {LAST_END}, 0)))
          OR EXISTS (SELECT 1 FROM target t WHERE t.id = g.target AND t.provider <> 'sentius'
                     AND NOT EXISTS (SELECT 1 FROM source s WHERE s.kind = 'team' AND s.target = t.id
                                     AND s.account = t.account AND s.complete_at IS NOT NULL)))",
        returned()
    )
}

/// The people whose last grant on a target (or for a role there) is over, who are still there, and who
/// have no row for it in the ledger. `due` is the end, `waits` the time from which a pass could have
/// acted.
pub(crate) fn untouched() -> String {
    format!(
        "SELECT g.target, g.email, max(g.ends_at) AS due, max(g.revoked) AS revoked,
                min(g.role IS NOT NULL) AS is_role,
                max(max(g.ends_at + iif(g.revoked, 0, :now - :cutoff), g.recorded_at)) AS waits
         FROM grants g INDEXED BY grants_due
         WHERE g.removed_at IS NULL AND g.ends_at <= iif(g.revoked, :now, :cutoff) AND g.ends_at <= :now
           AND {} AND {}
           -- Where the access itself is over, a role goes with it.
           AND (g.role IS NULL
                OR EXISTS (SELECT 1 FROM grants o WHERE o.target = g.target AND o.person = g.person
                           AND o.removed_at IS NULL AND {COVERS})
                OR NOT EXISTS (SELECT 1 FROM grants o WHERE o.target = g.target AND o.person = g.person
                               AND o.removed_at IS NULL AND o.role IS NULL
                               AND o.starts_at <= :now AND o.ends_at <= iif(o.revoked, :now, :cutoff)))
           AND NOT EXISTS (SELECT 1 FROM action a WHERE a.email_key = g.person AND a.target = g.target
                           -- In a team, an acknowledged removal waits for its proof; a whitelist has none.
                           AND (a.settled_at IS NULL
                                OR (a.kind <> 'whitelist.remove' AND a.state IN ('done', 'absent')
                                    AND a.evidence = 'acknowledged')))
         GROUP BY g.target, g.person",
        uncovered(),
        is_there()
    )
}

/// That no other grant keeps what grant `g` gave beyond its end. The view `ending` says the same.
pub(crate) fn not_outlasted() -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM grants o WHERE o.target = g.target AND o.person = g.person
                     AND o.removed_at IS NULL AND {GIVES} AND o.starts_at <= g.ends_at
                     AND (o.ends_at IS NULL OR o.ends_at > g.ends_at))"
    )
}
