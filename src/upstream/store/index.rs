//! The index: what exists, in the order in which S3 lists it.
//!
//! Keys of `objects` are bucket, 0x00, key, 0x00, inverted version: names hold no 0x00, so a range of
//! rows is a range of keys in UTF-8 byte order with the newest version of each first. `uploads` is
//! keyed likewise by bucket, key and upload id, `parts` by upload id, 0x00 and number.

use std::path::Path;

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction,
};

use super::StoreError;
use super::record::{Blob, BlobId, BucketRow, ObjectRow, Row};

type Octets = &'static [u8];
type Definition = TableDefinition<'static, Octets, Octets>;

const BUCKETS: Definition = TableDefinition::new("buckets");
const OBJECTS: Definition = TableDefinition::new("objects");
const UPLOADS: Definition = TableDefinition::new("uploads");
const PARTS: Definition = TableDefinition::new("parts");
/// Small bodies by id, each behind the number of rows that name it.
const SMALL: TableDefinition<'static, BlobId, Octets> = TableDefinition::new("small");
/// Files by id, with the number of rows that name them.
const FILES: TableDefinition<'static, BlobId, u32> = TableDefinition::new("files");
const NUMBERS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("numbers");

/// Format of what is written here. Of format 1, in which nothing was sealed, every row is one of format 2.
const FORMAT: u64 = 2;
const UNSEALED: u64 = 1;

/// The database.
pub(super) struct Index {
    database: Database,
}

impl Index {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder().set_cache_size(64 << 20).create(path)?;
        let index = Self { database };
        let transaction = index.database.begin_write()?;
        {
            let mut tx = Tx::open(&transaction)?; // makes every table
            let found = tx.numbers.get("format")?.map(|number| number.value());
            match found {
                None | Some(UNSEALED) => drop(tx.numbers.insert("format", FORMAT)?),
                Some(FORMAT) => {}
                Some(found) => return Err(StoreError::Format { found, known: FORMAT }),
            }
        }
        transaction.commit()?;
        Ok(index)
    }

    /// Enters the mark of the store's own key, which `of` finds from the mark that is there.
    pub(super) fn with_mark<T>(
        &self,
        of: impl FnOnce(Option<u64>) -> Result<(T, u64), StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.begin()?;
        let found = {
            let mut tx = Tx::open(&transaction)?;
            let known = tx.numbers.get("key")?.map(|number| number.value());
            let (found, mark) = of(known)?;
            if known.is_none() {
                tx.numbers.insert("key", mark)?;
            }
            found
        };
        transaction.commit()?;
        Ok(found)
    }

    /// Makes this the index of a store in which nothing is sealed.
    #[cfg(test)]
    pub(super) fn unsealed(&self, change: impl FnOnce(&mut Tx<'_>)) {
        let transaction = self.begin().unwrap();
        {
            let mut tx = Tx::open(&transaction).unwrap();
            tx.numbers.insert("format", UNSEALED).unwrap();
            tx.numbers.remove("key").unwrap();
            change(&mut tx);
        }
        transaction.commit().unwrap();
    }

    /// A consistent view for reading.
    pub(super) fn view(&self) -> Result<View, StoreError> {
        let transaction = self.database.begin_read()?;
        Ok(View {
            buckets: transaction.open_table(BUCKETS)?,
            objects: transaction.open_table(OBJECTS)?,
            uploads: transaction.open_table(UPLOADS)?,
            parts: transaction.open_table(PARTS)?,
            transaction,
        })
    }

    pub(super) fn begin(&self) -> Result<WriteTransaction, StoreError> {
        Ok(self.database.begin_write()?)
    }
}

/// A reader's view.
pub(super) struct View {
    transaction: ReadTransaction,
    pub(super) buckets: ReadOnlyTable<Octets, Octets>,
    pub(super) objects: ReadOnlyTable<Octets, Octets>,
    pub(super) uploads: ReadOnlyTable<Octets, Octets>,
    pub(super) parts: ReadOnlyTable<Octets, Octets>,
}

impl View {
    pub(super) fn bucket(&self, name: &str) -> Result<Option<BucketRow>, StoreError> {
        bucket(&self.buckets, name)
    }

    /// The current version of an object, with the key of its row.
    pub(super) fn newest(&self, bucket: &str, key: &str) -> Result<Option<ObjectRow>, StoreError> {
        Ok(newest(&self.objects, bucket, key)?.map(|(_, row)| row))
    }

    /// The octets of a small body.
    pub(super) fn small(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.transaction.open_table(SMALL)?;
        let row = table.get(id)?;
        Ok(row.and_then(|row| row.value().split_at_checked(4).map(|(_, body)| body.to_vec())))
    }

    /// Whether some row names a file.
    pub(super) fn knows_file(&self, id: &BlobId) -> Result<bool, StoreError> {
        Ok(self.transaction.open_table(FILES)?.get(id)?.is_some())
    }
}

/// The tables inside a write transaction, and what has to happen after its commit.
pub(super) struct Tx<'t> {
    pub(super) buckets: Table<'t, Octets, Octets>,
    pub(super) objects: Table<'t, Octets, Octets>,
    pub(super) uploads: Table<'t, Octets, Octets>,
    pub(super) parts: Table<'t, Octets, Octets>,
    small: Table<'t, BlobId, Octets>,
    files: Table<'t, BlobId, u32>,
    numbers: Table<'t, &'static str, u64>,
    /// Files that nothing names any more.
    dead: Vec<BlobId>,
    /// Whether there is anything to commit.
    dirty: bool,
}

impl<'t> Tx<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            buckets: transaction.open_table(BUCKETS)?,
            objects: transaction.open_table(OBJECTS)?,
            uploads: transaction.open_table(UPLOADS)?,
            parts: transaction.open_table(PARTS)?,
            small: transaction.open_table(SMALL)?,
            files: transaction.open_table(FILES)?,
            numbers: transaction.open_table(NUMBERS)?,
            dead: Vec::new(),
            dirty: false,
        })
    }

    /// Whether anything was changed, and the files to unlink after the commit.
    pub(super) fn close(self) -> (bool, Vec<BlobId>) {
        (self.dirty, self.dead)
    }

    pub(super) fn bucket(&self, name: &str) -> Result<Option<BucketRow>, StoreError> {
        bucket(&self.buckets, name)
    }

    pub(super) fn put_bucket(&mut self, name: &str, row: &BucketRow) -> Result<(), StoreError> {
        self.dirty = true;
        self.buckets.insert(name.as_bytes(), row.encode().as_slice())?;
        Ok(())
    }

    pub(super) fn remove_bucket(&mut self, name: &str) -> Result<(), StoreError> {
        self.dirty = true;
        self.buckets.remove(name.as_bytes())?;
        Ok(())
    }

    pub(super) fn newest(&self, bucket: &str, key: &str) -> Result<Option<(Vec<u8>, ObjectRow)>, StoreError> {
        newest(&self.objects, bucket, key)
    }

    /// Puts a version of an object on top of those that exist.
    pub(super) fn add_object(&mut self, bucket: &str, key: &str, row: &ObjectRow) -> Result<(), StoreError> {
        self.dirty = true;
        let order = self.numbers.get("order")?.map_or(0, |number| number.value()).saturating_add(1);
        self.numbers.insert("order", order)?;
        let mut at = row_key(bucket, key);
        at.extend_from_slice(&(!order).to_be_bytes());
        self.objects.insert(at.as_slice(), row.encode().as_slice())?;
        Ok(())
    }

    /// Writes a row anew, in place.
    pub(super) fn rewrite_object(&mut self, at: &[u8], row: &ObjectRow) -> Result<(), StoreError> {
        self.dirty = true;
        self.objects.insert(at, row.encode().as_slice())?;
        Ok(())
    }

    /// Removes a version and lets go of its data.
    pub(super) fn remove_object(&mut self, at: &[u8], row: &ObjectRow) -> Result<(), StoreError> {
        self.dirty = true;
        self.objects.remove(at)?;
        row.parts.iter().try_for_each(|part| self.release(&part.blob))
    }

    pub(super) fn put_upload(&mut self, at: &[u8], row: &[u8]) -> Result<(), StoreError> {
        self.dirty = true;
        self.uploads.insert(at, row)?;
        Ok(())
    }

    pub(super) fn remove_upload(&mut self, at: &[u8]) -> Result<(), StoreError> {
        self.dirty = true;
        self.uploads.remove(at)?;
        Ok(())
    }

    pub(super) fn put_part(&mut self, at: &[u8], row: &[u8]) -> Result<(), StoreError> {
        self.dirty = true;
        self.parts.insert(at, row)?;
        Ok(())
    }

    pub(super) fn remove_part(&mut self, at: &[u8]) -> Result<(), StoreError> {
        self.dirty = true;
        self.parts.remove(at)?;
        Ok(())
    }

    /// Enters a file that some row is about to name.
    pub(super) fn add_file(&mut self, id: &BlobId) -> Result<(), StoreError> {
        self.dirty = true;
        self.files.insert(id, 1)?;
        Ok(())
    }

    /// Enters a small body that some row is about to name.
    pub(super) fn add_small(&mut self, id: &BlobId, body: &[u8]) -> Result<(), StoreError> {
        self.dirty = true;
        self.write_small(id, 1, body)
    }

    /// One more row names a blob.
    pub(super) fn share(&mut self, blob: &Blob) -> Result<(), StoreError> {
        self.recount(blob, |count| count.checked_add(1))
    }

    /// One row less names a blob; without any it goes.
    pub(super) fn release(&mut self, blob: &Blob) -> Result<(), StoreError> {
        self.recount(blob, |count| count.checked_sub(1))
    }

    fn recount(&mut self, blob: &Blob, change: impl FnOnce(u32) -> Option<u32>) -> Result<(), StoreError> {
        self.dirty = true;
        let damaged = StoreError::Damaged("count of a blob");
        if blob.small {
            let row = self.small.get(&blob.id)?.map(|row| row.value().to_vec()).unwrap_or_default();
            let Some((count, body)) = row.split_first_chunk::<4>() else { return Err(damaged) };
            match change(u32::from_be_bytes(*count)).ok_or(damaged)? {
                0 => drop(self.small.remove(&blob.id)?),
                count => self.write_small(&blob.id, count, body)?,
            }
            return Ok(());
        }
        let Some(count) = self.files.get(&blob.id)?.map(|row| row.value()) else { return Err(damaged) };
        match change(count).ok_or(damaged)? {
            0 => {
                self.files.remove(&blob.id)?;
                self.dead.push(blob.id);
            }
            count => drop(self.files.insert(&blob.id, count)?),
        }
        Ok(())
    }

    fn write_small(&mut self, id: &BlobId, count: u32, body: &[u8]) -> Result<(), StoreError> {
        let mut row = self.small.insert_reserve(id, body.len().saturating_add(4))?;
        if let Some((head, rest)) = row.as_mut().split_at_mut_checked(4) {
            head.copy_from_slice(&count.to_be_bytes());
            rest.copy_from_slice(body);
        }
        Ok(())
    }
}

/// Bucket, 0x00, key, 0x00: the start of every row about an object.
pub(super) fn row_key(bucket: &str, key: &str) -> Vec<u8> {
    let mut at = Vec::with_capacity(bucket.len().saturating_add(key.len()).saturating_add(48));
    at.extend_from_slice(bucket.as_bytes());
    at.push(0);
    at.extend_from_slice(key.as_bytes());
    at.push(0);
    at
}

/// Bucket, 0x00, prefix: the start of every row about objects below the prefix.
pub(super) fn row_prefix(bucket: &str, prefix: &str) -> Vec<u8> {
    let mut at = row_key(bucket, prefix);
    at.pop();
    at
}

/// The least octets behind everything that starts with these. None starts with 0xff, so there always are
/// such; nothing else is ever asked.
pub(super) fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut after = prefix.to_vec();
    while let Some(last) = after.pop() {
        if let Some(next) = last.checked_add(1) {
            after.push(next);
            break;
        }
    }
    after
}

fn bucket(table: &impl ReadableTable<Octets, Octets>, name: &str) -> Result<Option<BucketRow>, StoreError> {
    table.get(name.as_bytes())?.map(|row| BucketRow::decode(row.value())).transpose()
}

fn newest(
    table: &impl ReadableTable<Octets, Octets>,
    bucket: &str,
    key: &str,
) -> Result<Option<(Vec<u8>, ObjectRow)>, StoreError> {
    let from = row_key(bucket, key);
    let to = behind(&from);
    let Some(row) = table.range(from.as_slice()..to.as_slice())?.next() else { return Ok(None) };
    let (at, row) = row?;
    Ok(Some((at.value().to_vec(), ObjectRow::decode(row.value())?)))
}
