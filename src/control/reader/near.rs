//! The key that somebody meant who wrote one that is not known.

/// The known key that differs least, if a third of the written one differs at most: between short names
/// anything is near anything.
pub(super) fn nearest<'n>(written: &str, known: &[&'n str]) -> Option<&'n str> {
    let near = known.iter().map(|known| (distance(written, known), *known)).min()?;
    (near.0 * 3 <= written.len().min(6)).then_some(near.1)
}

/// How many edits lie between two short names. An edit puts in, takes out or replaces one character, or
/// swaps two neighbours.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 64 {
        return usize::MAX / 3;
    }
    let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 3);
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut swapped = None;
    for (i, x) in a.bytes().enumerate() {
        let mut row = vec![i + 1];
        let mut left = None;
        for (j, y) in b.bytes().enumerate() {
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if j > 0 && swapped == Some(y) && left == Some(x) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
            left = Some(y);
        }
        before = std::mem::replace(&mut last, row);
        swapped = Some(x);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_edits() {
        for (a, b, expected) in [
            ("hosts", "hosts", 0),
            ("host", "hosts", 1),
            ("", "abc", 3),
            ("abc", "", 3),
            ("adress", "address", 1),
            ("form", "from", 1),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_guess_shares_most_of_what_was_written() {
        let known = ["ca", "log", "region", "address"];
        for (written, near) in [
            ("foo", None),
            ("to", None),
            ("c", None),
            ("lgo", Some("log")),
            ("regoin", Some("region")),
            ("adresss", Some("address")),
            ("surprise", None),
        ] {
            assert_eq!(nearest(written, &known), near, "{written}");
        }
        assert_eq!(nearest(&"x".repeat(100), &known), None);
    }
}
