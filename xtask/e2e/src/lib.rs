//! Tests of the running stack live in `tests/e2e`; this crate has nothing else.
