//! The seed that chooses one of the possible orders of a test.

/// The environment variable that sets the seed of every shuffled test, such as the seed that a failed test
/// printed.
pub(super) const SEED_VARIABLE: &str = "CQRS_TEST_SEED";

/// The seed of the environment; if there is none, `wanted`; if that is `None`, a random one.
///
/// # Panics
///
/// If the environment's seed is not a number. It must not be ignored without notice.
pub(super) fn choose(wanted: Option<u64>) -> u64 {
    match std::env::var(SEED_VARIABLE) {
        Ok(seed) => seed.trim().parse().unwrap_or_else(|error| {
            panic!("{SEED_VARIABLE} is `{seed}`, but a seed is a number below 2^64: {error}")
        }),
        Err(_) => wanted.unwrap_or_else(|| fastrand::u64(..)),
    }
}
