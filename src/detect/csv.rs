//! Tables: records of cells, as RFC 4180 has them (spec/detection.md 9.2, 9.6). Each cell is a text of its own,
//! and the name of its column may be the keyword.

use std::sync::Arc;

use super::keyword::Labels;
use super::scanner::{Out, Place};
use super::table::Detectors;
use super::text::{Found, Text};

/// The longest first record that can be a header, in octets: it is kept until that is known.
const LONGEST_HEADER: usize = 64 * 1024;

/// A table as a stream.
pub(super) struct Csv {
    separator: u8,
    detectors: Arc<Detectors>,
    text: Text,
    state: State,
    /// The octets of the cell, until they are handed on.
    cell: Vec<u8>,
    row: u64,
    column: u64,
    columns: Columns,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nothing of the cell has come.
    Begin,
    Bare,
    Quoted,
    /// A quote within a quoted cell: its end, or the first of two.
    Quote,
    /// A carriage return, which a line feed may follow.
    Return,
}

enum Columns {
    /// The first record, its cells and what was found in them.
    Unknown { cells: Vec<Vec<u8>>, octets: usize, found: Vec<(u64, Found)> },
    /// The names of the columns, and whose keywords they hold; none without a header.
    Known(Vec<(String, Labels)>),
}

impl Csv {
    pub(super) fn new(separator: u8, detectors: Arc<Detectors>, year: u16) -> Self {
        let text = Text::new(Arc::clone(&detectors), Labels::default(), year);
        let columns = Columns::Unknown { cells: vec![Vec::new()], octets: 0, found: Vec::new() };
        Self { separator, detectors, text, state: State::Begin, cell: Vec::new(), row: 1, column: 1, columns }
    }

    pub(super) fn feed(&mut self, octets: &[u8], out: &mut Out) {
        for octet in octets {
            self.octet(*octet, out);
        }
        self.hand_on(out);
    }

    /// The end; false within quotes that nobody has closed.
    pub(super) fn finish(&mut self, out: &mut Out) -> bool {
        let closed = self.state != State::Quoted;
        let begun = self.column > 1 || !matches!(self.state, State::Begin | State::Return);
        if begun {
            self.end_of_row(out);
        }
        self.know(out);
        closed
    }

    fn octet(&mut self, octet: u8, out: &mut Out) {
        match (self.state, octet) {
            (State::Return, b'\n') => self.state = State::Begin,
            (State::Return, _) => {
                self.state = State::Begin;
                self.octet(octet, out);
            }
            (State::Begin, b'"') => self.state = State::Quoted,
            (State::Quoted, b'"') => self.state = State::Quote,
            (State::Quoted, _) => self.cell.push(octet),
            (State::Quote, b'"') => {
                self.cell.push(b'"');
                self.state = State::Quoted;
            }
            (_, b'\n') => self.end_of_row(out),
            (_, b'\r') => {
                self.end_of_row(out);
                self.state = State::Return;
            }
            (_, octet) if octet == self.separator => self.end_of_cell(out),
            _ => {
                self.cell.push(octet);
                self.state = State::Bare;
            }
        }
    }

    /// Gives the text what there is of the cell.
    fn hand_on(&mut self, out: &mut Out) {
        let (row, column) = (self.row, self.column);
        match &mut self.columns {
            Columns::Unknown { cells, octets, found } => {
                *octets += self.cell.len();
                if let Some(cell) = cells.last_mut() {
                    cell.extend_from_slice(&self.cell);
                }
                self.text.feed(&self.cell, &mut |one| found.push((column, one)));
                if *octets > LONGEST_HEADER {
                    self.no_header(out);
                }
            }
            Columns::Known(names) => {
                let name = name_of(names, column);
                self.text
                    .feed(&self.cell, &mut |one| out.found(one, || Place::Cell { row, column, name: name.clone() }));
            }
        }
        self.cell.clear();
    }

    fn end_of_cell(&mut self, out: &mut Out) {
        self.hand_on(out);
        let (row, column) = (self.row, self.column);
        match &mut self.columns {
            Columns::Unknown { cells, octets, found } => {
                self.text.finish(&mut |one| found.push((column, one)));
                cells.push(Vec::new());
                *octets += 1; // cells are kept, too, that hold nothing
                if *octets > LONGEST_HEADER {
                    self.no_header(out);
                }
            }
            Columns::Known(names) => {
                let name = name_of(names, column);
                self.text.finish(&mut |one| out.found(one, || Place::Cell { row, column, name: name.clone() }));
            }
        }
        self.column += 1;
        self.restart();
        self.state = State::Begin;
    }

    fn end_of_row(&mut self, out: &mut Out) {
        self.end_of_cell(out);
        self.know(out);
        (self.row, self.column) = (self.row + 1, 1);
        self.restart();
    }

    fn restart(&mut self) {
        let column = usize::try_from(self.column - 1).unwrap_or(usize::MAX);
        let labels = match &self.columns {
            Columns::Known(names) => names.get(column).map(|(_, labels)| *labels),
            Columns::Unknown { .. } => None,
        };
        self.text.restart(labels.unwrap_or_default());
    }

    /// The first record is whole: a header if every cell says something in letters and nothing was found.
    fn know(&mut self, out: &mut Out) {
        let Columns::Unknown { cells, found, .. } = &mut self.columns else { return };
        cells.pop(); // the one that would have been next
        let says = |cell: &Vec<u8>| cell.iter().any(u8::is_ascii_alphabetic);
        if cells.is_empty() || !found.is_empty() || !cells.iter().all(says) {
            self.no_header(out);
            return;
        }
        let named = |cell: &Vec<u8>| (String::from_utf8_lossy(cell).into_owned(), self.detectors.labelled(cell));
        self.columns = Columns::Known(cells.iter().map(named).collect());
    }

    /// What was found in the first record is told.
    fn no_header(&mut self, out: &mut Out) {
        if let Columns::Unknown { found, .. } = std::mem::replace(&mut self.columns, Columns::Known(Vec::new())) {
            for (column, one) in found {
                out.found(one, || Place::Cell { row: 1, column, name: None });
            }
        }
    }
}

fn name_of(names: &[(String, Labels)], column: u64) -> Option<String> {
    let place = usize::try_from(column.checked_sub(1)?).ok()?;
    names.get(place).map(|(name, _)| name.clone())
}
