//! Which columns fit into a width, and how wide each becomes. Pure.

use super::GAP;

/// What a column needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) least: usize,
    pub(super) most: usize,
    /// Not shown: there is nothing in it, or it stands elsewhere.
    pub(super) is_empty: bool,
}

/// The widths of the columns that are shown. Empty columns are left out, and then those that can be
/// given up, in their order, until the others fit; `None` where they do not fit even then.
pub(super) fn fit(
    columns: &[Measured],
    given_up: &[usize],
    width: usize,
) -> Option<Vec<Option<usize>>> {
    let mut shown: Vec<usize> = (0..columns.len())
        .filter(|at| *at == 0 || !columns[*at].is_empty)
        .collect();
    let needed = |shown: &[usize]| {
        let columns: usize = shown.iter().map(|at| columns[*at].least).sum();
        columns + GAP * shown.len().saturating_sub(1)
    };
    let mut order = given_up.iter();
    while needed(&shown) > width {
        let next = order.next()?;
        shown.retain(|at| at != next);
    }
    let mut spare = width - needed(&shown);
    let mut widths = vec![None; columns.len()];
    // What needs the least gets it first, and leaves its share of the space to the others.
    shown.sort_by_key(|at| columns[*at].most - columns[*at].least);
    let mut hungry = shown
        .iter()
        .filter(|at| columns[**at].most > columns[**at].least)
        .count();
    for at in shown {
        let Measured { least, most, .. } = columns[at];
        let more = (most - least).min(spare / hungry.max(1));
        if most > least {
            hungry -= 1;
        }
        spare -= more;
        widths[at] = Some(least + more);
    }
    Some(widths)
}
