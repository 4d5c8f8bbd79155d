//! lapsed
fn main() {}
