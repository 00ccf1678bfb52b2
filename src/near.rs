//! The name that somebody meant who wrote one that is not known.

/// The longest text that is compared, in octets; a longer one is near nothing.
const LONGEST: usize = 128;

/// The name that differs least from `text` in any letter case, if at most a third of the text differs: between
/// short names anything is near anything.
pub fn nearest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if text.len() > LONGEST {
        return None;
    }
    let letters = |text: &str| -> Vec<char> { text.to_lowercase().chars().collect() };
    let text = letters(text);
    let names = names.into_iter().filter(|name| name.len() <= LONGEST);
    let (edits, name) = names.map(|name| (distance(&text, &letters(name)), name)).min_by_key(|(edits, _)| *edits)?;
    (edits * 3 <= text.len()).then_some(name)
}

/// How many edits lie between two texts. An edit puts in, takes out or replaces one character, or swaps two
/// neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut swapped = None;
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut left = None;
        for (j, y) in b.iter().enumerate() {
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
            let [left, right] = [a, b].map(|text| text.chars().collect::<Vec<_>>());
            assert_eq!(distance(&left, &right), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_guess_shares_most_of_what_was_written() {
        let known = ["ca", "log", "region", "address", "aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "s3:prefix"];
        for (written, near) in [
            ("foo", None),
            ("to", None),
            ("c", None),
            ("", None),
            ("lgo", Some("log")),
            ("regoin", Some("region")),
            ("adresss", Some("address")),
            ("Address", Some("address")),
            ("surprise", None),
            ("aws:SourceIP", Some("aws:SourceIp")),
            ("aws:SorceIp", Some("aws:SourceIp")),
            ("s3:prefixes", Some("s3:prefix")),
            ("something:else", None),
        ] {
            assert_eq!(nearest(written, known), near, "{written}");
        }
        assert_eq!(nearest(&"a".repeat(10_000), known), None);
        assert_eq!(nearest("aws:SourceIp", [&*"a".repeat(10_000)]), None);
    }
}
