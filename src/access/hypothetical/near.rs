//! The name that somebody meant.

/// The longest text that is compared; a longer one is near nothing.
const LONGEST: usize = 128;

/// The name that differs least from `text` in any letter case, if at most a third of the text differs.
pub fn nearest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if text.len() > LONGEST {
        return None;
    }
    let text = text.to_lowercase();
    let apart = |name: &str| distance(&text, &name.to_lowercase());
    let (distance, name) = names
        .into_iter()
        .filter(|name| name.len() <= LONGEST)
        .map(|name| (apart(name), name))
        .min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= text.len()).then_some(name)
}

/// How many characters must be put in, taken out or replaced to make one text of the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (at, own) in left.chars().enumerate() {
        let mut diagonal = at;
        let mut before = at + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(right.chars()) {
            let replaced = diagonal + usize::from(own != other);
            diagonal = *cell;
            before = replaced.min(before + 1).min(*cell + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let names = ["aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "s3:prefix"];
        assert_eq!(nearest("aws:SourceIP", names), Some("aws:SourceIp"));
        assert_eq!(nearest("aws:SorceIp", names), Some("aws:SourceIp"));
        assert_eq!(nearest("s3:prefixes", names), Some("s3:prefix"));
        assert_eq!(nearest("something:else", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"a".repeat(10_000), names), None);
    }

    #[test]
    fn distances_count_single_changes() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
