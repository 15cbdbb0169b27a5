//! Tests of the running stack live in `tests/`.
