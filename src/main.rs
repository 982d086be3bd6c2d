//! The one binary: parses arguments, calls `app` or `client`, prints the error chain, sets the exit code.

fn main() {}
