//! The `af-registry` program.

fn main() {}
