//! How many rows of each list fit where a page may have so many bytes only.

/// The most rows shown of a list, wherever it is shown.
pub(crate) const MOST_ROWS: usize = 200;

/// The most rows with which it fits, by asking for some numbers of them; none, where nothing helps.
pub(crate) fn fitting<E>(mut fits: impl FnMut(usize) -> Result<bool, E>) -> Result<usize, E> {
    if fits(MOST_ROWS)? {
        return Ok(MOST_ROWS);
    }
    let (mut enough, mut too_many) = (0, MOST_ROWS);
    while too_many - enough > 1 {
        let middle = usize::midpoint(enough, too_many);
        match fits(middle)? {
            true => enough = middle,
            false => too_many = middle,
        }
    }
    Ok(enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_largest_number_that_fits() {
        for most in [0, 1, 2, 77, 199, 200, 5000] {
            let found = fitting(|rows| Ok::<_, ()>(rows <= most));
            assert_eq!(found, Ok(most.min(MOST_ROWS)));
        }
    }
}
