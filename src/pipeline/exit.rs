//! Where a request that has passed every stage goes.

use std::rc::Rc;

use super::after::After;
use super::here::Here;
use super::home::Home;
use super::open::Open;
use crate::body::SealedBody;
use crate::upstream::Forward;

/// Who answers.
#[derive(Debug)]
pub enum Exit {
    /// A store.
    Store(Out),
    /// This process.
    Here(Box<Here>),
}

/// What goes to a store.
#[derive(Debug)]
pub struct Out {
    /// Which store.
    pub store: usize,
    /// The head.
    pub out: Box<Forward>,
    /// The body.
    pub body: SealedBody,
    /// The record that must be closed.
    pub open: Box<Open>,
    /// What is left to be done with the answer.
    pub(super) after: After,
    /// Where it is at home.
    pub(super) home: Option<Rc<Home>>,
}
