//! Bartizan, a hardening proxy for S3.

pub mod access;
pub mod audit;
pub mod body;
pub mod cli;
pub mod control;
pub mod credentials;
pub mod delivery;
pub mod gate;
pub mod guard;
pub mod hash;
pub mod id;
pub mod identity;
pub mod kms;
pub mod limit;
pub mod near;
pub mod pipeline;
pub mod policy;
pub mod s3;
pub mod seal;
pub mod server;
pub mod sigv4;
pub mod sts;
pub mod time;
pub mod trace;
pub mod turn;
pub mod upstream;
