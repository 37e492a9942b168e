//! Which of the possible orders a test runs in.

/// The environment variable that sets the seed of every shuffled test: the one a failed test printed.
pub(super) const SEED_VARIABLE: &str = "CQRS_TEST_SEED";

/// The environment's seed, else `wanted`, else a random one.
///
/// # Panics
///
/// When the environment's seed is no number: it would be ignored otherwise.
pub(super) fn choose(wanted: Option<u64>) -> u64 {
    match std::env::var(SEED_VARIABLE) {
        Ok(seed) => seed.trim().parse().unwrap_or_else(|error| {
            panic!("{SEED_VARIABLE} is `{seed}`, but a seed is a number below 2^64: {error}")
        }),
        Err(_) => wanted.unwrap_or_else(|| fastrand::u64(..)),
    }
}
