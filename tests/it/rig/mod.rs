//! Real partners for the tests, started on ports of their own and gone with the test process.

pub(crate) mod kubo;

pub(crate) use kubo::kubo;
