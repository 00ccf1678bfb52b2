//! What the body module promises, and the attacks it stops.

pub(super) mod wire;
