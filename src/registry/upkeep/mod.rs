//! What the registry does by itself.

mod drop_pins;
