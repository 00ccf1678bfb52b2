//! Walks over keys in UTF-8 byte order, with prefixes and delimiters.

use redb::ReadableTable;

use super::StoreError;
use super::index::{behind, row_key, row_prefix};

/// What to walk over.
pub(super) struct Walk<'a> {
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    /// Keys that share what comes up to this, after the prefix, count as one. Empty: none do.
    pub(super) delimiter: &'a str,
    pub(super) after: After,
    /// How many keys and common prefixes a page may have.
    pub(super) limit: usize,
    /// Only the first row of each key that yields something.
    pub(super) once_per_key: bool,
}

/// Where a page begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum After {
    Nothing,
    /// All rows of this key.
    Key(String),
    /// This row of this key.
    Row(String, Vec<u8>),
    /// All keys with this prefix.
    Prefix(String),
}

impl After {
    /// A marker of the client: a name it has seen, either a key or a common prefix.
    pub(super) fn marker(marker: &str, prefix: &str, delimiter: &str) -> Self {
        if common_prefix(marker, prefix, delimiter) == Some(marker) {
            Self::Prefix(marker.to_owned())
        } else {
            Self::Key(marker.to_owned())
        }
    }

    fn row(&self, bucket: &str) -> Vec<u8> {
        match self {
            Self::Nothing => row_prefix(bucket, ""),
            Self::Key(key) => behind(&row_key(bucket, key)),
            Self::Prefix(prefix) => behind(&row_prefix(bucket, prefix)),
            Self::Row(key, tail) => {
                let mut at = row_key(bucket, key);
                at.extend_from_slice(tail);
                at.push(0);
                at
            }
        }
    }
}

/// One line of a listing.
#[derive(Debug)]
pub(super) enum Item<T> {
    Entry { key: String, tail: Vec<u8>, value: T },
    Prefix(String),
}

/// One page of a listing.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<Item<T>>,
    /// More would follow.
    pub(super) truncated: bool,
}

impl<T> Page<T> {
    /// Where the next page begins.
    pub(super) fn last(&self) -> After {
        match self.items.last() {
            None => After::Nothing,
            Some(Item::Prefix(prefix)) => After::Prefix(prefix.clone()),
            Some(Item::Entry { key, tail, .. }) => After::Row(key.clone(), tail.clone()),
        }
    }
}

/// Collects one page. `visit` gets key, tail (version or upload id) and value of each row, and leaves
/// out those it answers with nothing. Behind a common prefix the walk goes on with one seek, however
/// many keys share it.
pub(super) fn walk<T>(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    walk: &Walk<'_>,
    mut visit: impl FnMut(&str, &[u8], &[u8]) -> Result<Option<T>, StoreError>,
) -> Result<Page<T>, StoreError> {
    let mut page = Page { items: Vec::new(), truncated: false };
    if walk.limit == 0 || walk.prefix.contains('\0') {
        return Ok(page);
    }
    let first = row_prefix(walk.bucket, walk.prefix);
    let end = behind(&first);
    let base = walk.bucket.len().saturating_add(1);
    let mut from = walk.after.row(walk.bucket).max(first);
    'seek: while from < end {
        let mut done: Option<String> = None;
        for row in table.range(from.as_slice()..end.as_slice())? {
            let (at, value) = row?;
            let (key, tail) = split(at.value(), base).ok_or(StoreError::Damaged("key of a row"))?;
            if walk.once_per_key && done.as_deref() == Some(key) {
                continue;
            }
            let Some(value) = visit(key, tail, value.value())? else {
                done = Some(key.to_owned());
                continue;
            };
            if page.items.len() == walk.limit {
                page.truncated = true;
                return Ok(page);
            }
            if let Some(common) = common_prefix(key, walk.prefix, walk.delimiter) {
                from = behind(&row_prefix(walk.bucket, common));
                page.items.push(Item::Prefix(common.to_owned()));
                continue 'seek;
            }
            done = Some(key.to_owned());
            page.items.push(Item::Entry { key: key.to_owned(), tail: tail.to_vec(), value });
        }
        break;
    }
    Ok(page)
}

/// The key up to and with the first delimiter after the prefix, if there is one.
fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let at = key.strip_prefix(prefix)?.find(delimiter)?;
    key.get(..prefix.len().checked_add(at)?.checked_add(delimiter.len())?)
}

/// The key of a row, and what stands behind it.
fn split(row: &[u8], base: usize) -> Option<(&str, &[u8])> {
    let row = row.get(base..)?;
    let (key, tail) = row.split_at_checked(memchr::memchr(0, row)?)?;
    Some((std::str::from_utf8(key).ok()?, tail.get(1..)?))
}
