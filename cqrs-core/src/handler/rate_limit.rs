//! The rate at which a handler begins attempts.

use std::time::Duration;

/// How many attempts a handler begins at most in a second, a minute or an hour. A retry is an attempt.
///
/// Attempts are spaced evenly: with 100 a second, one begins every 10 milliseconds, and no burst follows a
/// pause. The limit applies to one handler in one process. Deliveries that wait for it stay queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    attempts: u32,
    /// A second, a minute or an hour.
    period: Duration,
}

impl RateLimit {
    /// At most `attempts` in a second; 0 counts as 1.
    pub const fn per_second(attempts: u32) -> Self {
        Self::per(attempts, Duration::from_secs(1))
    }

    /// At most `attempts` in a minute; 0 counts as 1.
    pub const fn per_minute(attempts: u32) -> Self {
        Self::per(attempts, Duration::from_mins(1))
    }

    /// At most `attempts` in an hour; 0 counts as 1.
    pub const fn per_hour(attempts: u32) -> Self {
        Self::per(attempts, Duration::from_hours(1))
    }

    const fn per(attempts: u32, period: Duration) -> Self {
        Self { attempts: if attempts == 0 { 1 } else { attempts }, period }
    }

    /// The time from the beginning of one attempt to the beginning of the next.
    pub fn interval(&self) -> Duration {
        self.period / self.attempts
    }
}

impl std::str::FromStr for RateLimit {
    type Err = &'static str;

    /// Reads a rate in the form of the annotation: `100/s`, `100/m`, `100/h`.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let form = "takes a number and its unit, such as \"100/s\", \"100/m\" or \"100/h\"";
        let (attempts, unit) = text.split_once('/').ok_or(form)?;
        let attempts: u32 = attempts.parse().map_err(|_| form)?;
        if !(1..=1_000_000).contains(&attempts) {
            return Err("is out of range: 1 to 1000000 are allowed");
        }
        match unit {
            "s" => Ok(Self::per_second(attempts)),
            "m" => Ok(Self::per_minute(attempts)),
            "h" => Ok(Self::per_hour(attempts)),
            _ => Err(form),
        }
    }
}

impl std::fmt::Display for RateLimit {
    /// Writes it as in an annotation: `100/s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.period.as_secs() {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.attempts)
    }
}
