//! The entry that a whitelist should have for a person. It keeps one entry for each address, and a
//! person may have several grants. Pure.

use jiff::Timestamp;

use super::Permission;

/// One of a person's open grants on a whitelist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// From when on.
    pub start: Timestamp,
    /// Until when; absent: for ever.
    pub end: Option<Timestamp>,
    /// What it allows.
    pub permissions: Vec<Permission>,
}

impl Span {
    fn is_over(&self, at: Timestamp) -> bool {
        self.end.is_some_and(|end| end <= at)
    }

    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        self.start <= at && !self.is_over(at)
    }
}

/// The entry that results from all of a person's grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From when on.
    pub start: Timestamp,
    /// Until when; absent: for ever.
    pub end: Option<Timestamp>,
    /// What the grants allow that hold at its start, or now.
    pub permissions: Vec<Permission>,
}

impl Entry {
    /// The entry that is right at `now`: for the access that runs, else for the next to begin. It
    /// ends with the last of the grants that follow one another without a gap. `None` if no grant
    /// runs or begins later.
    #[must_use]
    pub fn of(grants: &[Span], now: Timestamp) -> Option<Self> {
        let mut open: Vec<&Span> = grants.iter().filter(|g| !g.is_over(now)).collect();
        open.sort_by_key(|g| g.start);
        let begins = open.first()?.start.max(now);
        let running = || open.iter().filter(|g| g.covers(begins));
        let mut end = Some(begins);
        for grant in &open {
            match (end, grant.end) {
                (Some(until), _) if grant.start > until => break,
                (Some(until), Some(later)) => end = Some(until.max(later)),
                _ => end = None,
            }
        }
        let mut permissions: Vec<Permission> = running()
            .flat_map(|g| g.permissions.iter().copied())
            .collect();
        permissions.sort_unstable();
        permissions.dedup();
        Some(Self {
            start: running().map(|g| g.start).min()?,
            end,
            permissions,
        })
    }

    /// When the entry that is right at `now` stops being right, because another grant begins or
    /// ends. The end of all access is left to removals.
    #[must_use]
    pub fn next_change(grants: &[Span], now: Timestamp) -> Option<Timestamp> {
        let is = Self::of(grants, now)?;
        let moments = grants.iter().flat_map(|g| [Some(g.start), g.end]);
        let mut moments: Vec<Timestamp> = moments.flatten().filter(|at| *at > now).collect();
        moments.sort_unstable();
        moments.into_iter().find(|at| {
            let running = grants.iter().any(|g| g.covers(*at));
            let other = |then: Self| then.end != is.end || then.permissions != is.permissions;
            running && Self::of(grants, *at).is_some_and(other)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Permission::{CanRead, CanUseApi};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).unwrap()
    }

    fn span(start: i64, end: Option<i64>, permissions: &[Permission]) -> Span {
        Span {
            start: at(start),
            end: end.map(at),
            permissions: permissions.to_vec(),
        }
    }

    fn entry(grants: &[Span], now: i64) -> Option<(i64, Option<i64>, Vec<Permission>)> {
        let day = |at: Timestamp| at.as_second() / 86_400;
        let entry = Entry::of(grants, at(now))?;
        Some((day(entry.start), entry.end.map(day), entry.permissions))
    }

    #[test]
    fn the_last_end_counts_and_only_what_runs_allows() {
        let a = span(1, Some(10), &[CanRead]);
        let b = span(5, Some(20), &[CanRead, CanUseApi]);
        let later = span(30, None, &[CanRead]);
        for (grants, now, wanted) in [
            (vec![], 3, None),
            (vec![a.clone()], 3, Some((1, Some(10), vec![CanRead]))),
            (vec![a.clone()], 10, None),
            (vec![a.clone()], 0, Some((1, Some(10), vec![CanRead]))),
            (
                vec![b.clone(), a.clone()],
                3,
                Some((1, Some(20), vec![CanRead])),
            ),
            (
                vec![a.clone(), b.clone()],
                7,
                Some((1, Some(20), vec![CanRead, CanUseApi])),
            ),
            (
                vec![a.clone(), later.clone()],
                3,
                Some((1, Some(10), vec![CanRead])),
            ),
            (
                vec![a.clone(), later.clone()],
                10,
                Some((30, None, vec![CanRead])),
            ),
            (
                vec![a.clone(), span(10, None, &[CanRead])],
                3,
                Some((1, None, vec![CanRead])),
            ),
        ] {
            assert_eq!(entry(&grants, now), wanted, "{grants:?} at {now}");
        }
    }

    #[test]
    fn the_next_change_is_where_another_entry_becomes_right() {
        let a = span(1, Some(10), &[CanRead, CanUseApi]);
        let b = span(5, Some(20), &[CanRead]);
        let change = |grants: &[Span], now| Entry::next_change(grants, at(now));
        // What a allowed beyond b ends with it.
        assert_eq!(change(&[a.clone(), b.clone()], 3), Some(at(10)));
        assert_eq!(change(&[a.clone(), b], 12), None);
        // The end of all access is for a removal, also when something begins later.
        assert_eq!(change(std::slice::from_ref(&a), 3), None);
        assert_eq!(change(&[a, span(30, None, &[CanRead])], 3), Some(at(30)));
    }

    fn any_span() -> impl Strategy<Value = Span> {
        (0..20_i64, proptest::option::of(1..20_i64), 0..4_usize).prop_map(|(start, long, most)| {
            let mut permissions = vec![CanRead];
            permissions.extend(Permission::ALL[1..4].iter().take(most));
            span(start, long.map(|days| start + days), &permissions)
        })
    }

    proptest! {
        #[test]
        fn an_entry_gives_what_runs_and_never_beyond_the_last_end(
            grants in proptest::collection::vec(any_span(), 0..5), now in 0..45_i64
        ) {
            let now = at(now);
            let open: Vec<&Span> = grants.iter().filter(|g| !g.is_over(now)).collect();
            let Some(entry) = Entry::of(&grants, now) else {
                prop_assert!(open.is_empty());
                return Ok(());
            };
            let last = open.iter().map(|g| g.end).max_by_key(|e| (e.is_none(), *e)).unwrap();
            prop_assert!(last.is_none() || (entry.end.is_some() && entry.end <= last));
            for grant in open.iter().filter(|g| g.covers(now)) {
                // A person who has access now keeps it until that grant's end.
                prop_assert!(entry.end.is_none_or(|end| grant.end.is_some_and(|e| e <= end)));
                prop_assert!(grant.permissions.iter().all(|p| entry.permissions.contains(p)));
            }
            // At each moment that the entry spans, a grant covers.
            let mut moment = entry.start.max(now);
            while entry.end.map_or(moment < at(60), |end| moment < end) {
                prop_assert!(open.iter().any(|g| g.covers(moment)), "nothing covers {moment}");
                moment += jiff::SignedDuration::from_hours(24);
            }
        }
    }
}
