//! Options of handlers that come from configuration.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::fmt::friendly::SpanPrinter;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::breaker_policy::{BreakerParts, WrittenBreaker};
use super::retry::{FriendlyDuration, WrittenRetry};
use super::{DeadLetters, HandlerOptions, RateLimit, RetryPolicy};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(8760);

/// Options of handlers from configuration, by the handler's stable name. They replace those of the code. An option that is
/// left out stays as it is, and so does a part of `retry` or `breaker`.
///
/// It can be part of any configuration that serde reads. The options are `timeout` (also `"none"`), `retry` with
/// `attempts`, `backoff`, `max` and `jitter`, or with `waits`; `deliver_within`, `dead_letters`, `concurrency`; `rate` (also
/// `"none"`); and `breaker` with `failures` and `cooldown`, or `"none"`. Handlers of commands and queries have only
/// `timeout`, and `retry` if the code has it. The limits are those of the annotations. An unknown option and a value out of range are errors of serde; an
/// unknown handler is a problem of the wiring.
///
/// ```
/// use cqrs_core::App;
/// use cqrs_core::handler::HandlerSettings;
///
/// let settings: HandlerSettings = serde_json::from_str(
///     r#"{ "send-welcome-email": { "timeout": "10s", "retry": { "attempts": 8 }, "rate": "100/m" } }"#,
/// )?;
/// let error = App::builder().settings(settings).build().unwrap_err();
/// assert!(error.to_string().contains("there is no handler named \"send-welcome-email\""));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "BTreeMap<String, Setting>")]
pub struct HandlerSettings(Vec<(Key, Setting)>);

/// Which handler is meant.
#[derive(Debug, Clone)]
struct Key {
    /// The stable name, or its form in an environment variable.
    name: String,
    /// The environment variables that it comes from; empty if it comes from elsewhere.
    variables: Vec<String>,
}

/// The options of one handler, checked against their limits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Written")]
struct Setting {
    options: HandlerOptions,
    retry: Option<WrittenRetry>,
    breaker: Option<WrittenBreaker>,
}

/// The options of one handler, as they are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    timeout: Option<String>,
    retry: Option<WrittenRetry>,
    deliver_within: Option<FriendlyDuration>,
    dead_letters: Option<DeadLetters>,
    concurrency: Option<usize>,
    rate: Option<String>,
    breaker: Option<WrittenBreaker>,
}

/// Why settings could not be read from the environment: which variable, and why.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}`: {reason}")]
pub struct SettingsError {
    variable: String,
    reason: String,
}

/// The text, because `main` prints the error that it returns in this form.
impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl HandlerSettings {
    /// Reads the environment variables that begin with `prefix`. The handler's name, the option, and the part of a `retry`
    /// or `breaker` follow, each after two underscores.
    ///
    /// Variables are in upper case; another spelling of the same variable is an error. Each `.`, `-` or `_` in the handler's
    /// name is one underscore. Waits are separated by commas:
    ///
    /// ```text
    /// CQRS_HANDLER__SEND_WELCOME_EMAIL__TIMEOUT=10s
    /// CQRS_HANDLER__SEND_WELCOME_EMAIL__RETRY__ATTEMPTS=8
    /// CQRS_HANDLER__CHARGE_CARD__RETRY__WAITS=1s,10s,1m
    /// ```
    ///
    /// ```no_run
    /// use cqrs_core::App;
    /// use cqrs_core::handler::HandlerSettings;
    ///
    /// let app = App::builder().settings(HandlerSettings::from_env("CQRS_HANDLER")?).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if a variable with this prefix does not have this form, if its value is wrong for its option or out
    /// of range, or if another variable differs from it in upper and lower case alone.
    pub fn from_env(prefix: &str) -> Result<Self, SettingsError> {
        let variables = std::env::vars_os().filter_map(|(variable, value)| {
            // A value that is not UTF-8 is converted, and then reported as a wrong value.
            Some((variable.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        Self::from_variables(prefix, variables)
    }

    /// As [`from_env`](Self::from_env), from these variables.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(
        prefix: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        // Sorted, so that the same error is reported each time.
        let variables: BTreeMap<_, _> = variables.into_iter().collect();
        let mut spellings: BTreeMap<Vec<String>, String> = BTreeMap::new();
        let mut handlers: BTreeMap<String, (Map<String, Value>, Vec<String>)> = BTreeMap::new();
        for (variable, value) in variables {
            let Some(path) = variable.strip_prefix(prefix).and_then(|it| it.strip_prefix("__"))
            else {
                continue;
            };
            let wrong = |reason: &dyn Display| wrong(&variable, reason);
            let path: Vec<_> = path.split("__").map(str::to_lowercase).collect();
            if let Some(other) = spellings.insert(path.clone(), variable.clone()) {
                return Err(wrong(&format!("`{other}` sets the same; remove one of the two")));
            }
            let value = read_value(&path, &value);
            let (name, option, part) = match &path[..] {
                [name, option] => (name, option, None),
                [name, option, part] => (name, option, Some(part)),
                _ => return Err(wrong(&format!("write `{prefix}__HANDLER__OPTION`"))),
            };
            let single = match part {
                None => value,
                Some(part) => Map::from_iter([(part.clone(), value)]).into(),
            };
            let alone = Map::from_iter([(option.clone(), single.clone())]);
            Setting::deserialize(Value::from(alone)).map_err(|error| wrong(&error))?;
            let (options, variables) = handlers.entry(name.to_uppercase()).or_default();
            variables.push(variable.clone());
            match (options.get_mut(option), single) {
                (Some(Value::Object(parts)), Value::Object(single)) => parts.extend(single),
                (_, single) => drop(options.insert(option.clone(), single)),
            }
        }
        let handlers = handlers.into_iter().map(|(name, (options, variables))| {
            let setting = Setting::deserialize(Value::from(options));
            let setting = setting.map_err(|error| wrong(&format!("{prefix}__{name}"), &error))?;
            Ok((Key { name, variables }, setting))
        });
        Ok(Self(handlers.collect::<Result<_, _>>()?))
    }

    /// The options of the handler with this name, if they are set.
    pub(crate) fn apply(&self, handler: &str, mut options: HandlerOptions) -> HandlerOptions {
        for (_, setting) in self.0.iter().filter(|(key, _)| key.is_for(handler)) {
            options = setting.apply(options);
        }
        options
    }

    /// Whether an option is set for this handler that only handlers of events have. `retry` is such an option unless the
    /// handler is `retried`.
    pub(crate) fn are_for_events(&self, handler: &str, retried: bool) -> bool {
        let timeout_alone = |setting: &Setting| {
            let HandlerOptions { timeout, .. } = setting.options;
            (setting.retry.is_none() || retried)
                && setting.breaker.is_none()
                && setting.options == HandlerOptions { timeout, ..HandlerOptions::DEFAULT }
        };
        self.0.iter().any(|(key, setting)| key.is_for(handler) && !timeout_alone(setting))
    }

    /// The settings of handlers that are not in `handlers`: for each, the name as written, the environment variables, and the
    /// names of `handlers` in the same form.
    pub(crate) fn unknown(&self, handlers: &[&str]) -> Vec<(String, Vec<String>, Vec<String>)> {
        let unknown = self.0.iter().filter(|(key, _)| !handlers.iter().any(|it| key.is_for(it)));
        unknown
            .map(|(key, _)| {
                let known = handlers.iter().map(|handler| key.written_for(handler));
                (key.name.clone(), key.variables.clone(), known.collect())
            })
            .collect()
    }
}

impl Key {
    fn is_for(&self, handler: &str) -> bool {
        self.written_for(handler) == self.name
    }

    /// The name of `handler` in the form of these settings.
    fn written_for(&self, handler: &str) -> String {
        if self.variables.is_empty() {
            return handler.to_owned();
        }
        let words = handler.split(['.', '-', '_']).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_").to_uppercase()
    }
}

impl Setting {
    fn apply(&self, options: HandlerOptions) -> HandlerOptions {
        let mut applied = self.options.or(options);
        if let Some(retry) = &self.retry {
            applied.retry = Some(retry.over(applied.retry.unwrap_or(RetryPolicy::DEFAULT)));
        }
        if let Some(breaker) = &self.breaker {
            applied.breaker = Some(breaker.over(applied.breaker.flatten()));
        }
        applied
    }
}

impl From<BTreeMap<String, Setting>> for HandlerSettings {
    fn from(settings: BTreeMap<String, Setting>) -> Self {
        let settings = settings.into_iter();
        Self(
            settings
                .map(|(name, setting)| (Key { name, variables: Vec::new() }, setting))
                .collect(),
        )
    }
}

impl TryFrom<Written> for Setting {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { timeout, retry, deliver_within, dead_letters, concurrency, rate, breaker } =
            written;
        let mut options = HandlerOptions { dead_letters, ..HandlerOptions::DEFAULT };
        options.timeout = match timeout.as_deref() {
            None => None,
            Some("none") => Some(None),
            Some(text) => Some(Some(read_timeout(text)?)),
        };
        if let Some(FriendlyDuration(age)) = deliver_within {
            within("deliver_within", age, MILLISECOND..=YEAR)?;
            options.deliver_within = Some(age);
        }
        if let Some(limit) = concurrency {
            number("concurrency", limit, 1..=1024)?;
            options.concurrency = Some(limit);
        }
        if let Some(rate) = rate {
            let read = || rate.parse::<RateLimit>().map_err(|error| format!("`rate` {error}"));
            options.rate = Some(if rate == "none" { None } else { Some(read()?) });
        }
        if let Some(retry) = &retry {
            check_retry(retry)?;
        }
        if let Some(WrittenBreaker::Parts(BreakerParts { failures, cooldown })) = &breaker {
            failures.map_or(Ok(()), |failures| number("failures", failures, 1..=10_000))?;
            cooldown.map_or(Ok(()), |it| within("cooldown", it.0, MILLISECOND..=DAY))?;
        }
        Ok(Self { options, retry, breaker })
    }
}

fn check_retry(retry: &WrittenRetry) -> Result<(), String> {
    let WrittenRetry { attempts, backoff, max, jitter, waits } = retry;
    attempts.map_or(Ok(()), |attempts| number("attempts", attempts, 1..=100))?;
    backoff.map_or(Ok(()), |it| within("backoff", it.0, MILLISECOND..=HOUR))?;
    max.map_or(Ok(()), |it| within("max", it.0, MILLISECOND..=DAY))?;
    if let (Some(FriendlyDuration(backoff)), Some(FriendlyDuration(max))) = (backoff, max)
        && max < backoff
    {
        return Err("`max` is shorter than `backoff`: make it at least as long".to_owned());
    }
    let Some(waits) = waits else { return Ok(()) };
    if attempts.is_some() || backoff.is_some() || max.is_some() || jitter.is_some() {
        return Err("`waits` says how many attempts are made, and when, exactly: remove it, or \
                    `attempts`, `backoff`, `max` and `jitter`"
            .to_owned());
    }
    number("the number of `waits`", waits.len(), 1..=RetryPolicy::MOST_WAITS)?;
    waits.iter().try_for_each(|wait| within("waits", wait.0, MILLISECOND..=DAY))
}

fn read_timeout(text: &str) -> Result<Duration, String> {
    let read = jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text);
    let timeout = read.map_err(|_| {
        format!("`timeout` takes a duration such as \"30s\", or \"none\"; not \"{text}\"")
    })?;
    within("timeout", timeout, MILLISECOND..=DAY)?;
    Ok(timeout)
}

fn within(option: &str, value: Duration, range: RangeInclusive<Duration>) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    let short = |it: &Duration| SpanPrinter::new().unsigned_duration_to_string(it);
    let (least, most) = (short(range.start()), short(range.end()));
    Err(format!("`{option}` is out of range: {least} to {most} are allowed"))
}

fn number<T: PartialOrd + Display + Copy>(
    option: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(format!("`{option}` is out of range: {least} to {most} are allowed"))
}

/// A number, a list or a text, as the option takes it.
fn read_value(path: &[String], value: &str) -> Value {
    if path.last().is_some_and(|option| option == "waits") {
        return value.split(',').map(|wait| Value::from(wait.trim())).collect();
    }
    let is_number = ["attempts", "concurrency", "failures"]
        .iter()
        .any(|it| path.last().is_some_and(|last| last == it));
    let number = value.parse::<u64>().ok().filter(|_| is_number);
    number.map_or_else(|| Value::from(value), Value::from)
}

fn wrong(variable: &str, reason: &dyn Display) -> SettingsError {
    SettingsError { variable: variable.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::BreakerPolicy;

    fn from(variables: &[(&str, &str)]) -> Result<HandlerSettings, SettingsError> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        HandlerSettings::from_variables("H", variables)
    }

    #[test]
    fn variables_set_what_they_name_and_leave_the_rest() {
        let settings = from(&[
            ("H__HR_SEND_MAIL__TIMEOUT", "10s"),
            ("H__HR_SEND_MAIL__RETRY__ATTEMPTS", "8"),
            ("H__HR_SEND_MAIL__RETRY__MAX", "1m"),
            ("H__HR_SEND_MAIL__RATE", "100/m"),
            ("H__HR_SEND_MAIL__BREAKER__FAILURES", "3"),
            ("H__OTHER__RETRY__WAITS", "1s, 1m"),
            ("H__OTHER__TIMEOUT", "none"),
            ("H__FREE__RATE", "none"),
            ("H__FREE__BREAKER", "none"),
            ("HOME", "/"),
        ])
        .unwrap();
        let annotated = HandlerOptions::DEFAULT.concurrency(3);
        let annotated = annotated.retry(RetryPolicy::DEFAULT.with_backoff(Duration::from_secs(9)));
        let minute = Duration::from_mins(1);
        assert_eq!(
            settings.apply("hr.send-mail", annotated),
            HandlerOptions::DEFAULT
                .concurrency(3)
                .timeout(Some(Duration::from_secs(10)))
                .retry(RetryPolicy::exponential(8, Duration::from_secs(9), minute))
                .rate(RateLimit::per_minute(100))
                .breaker(BreakerPolicy::DEFAULT.with_failures(3))
        );
        let other = settings.apply("other", annotated);
        let waits = RetryPolicy::waits(&[Duration::from_secs(1), minute]);
        assert_eq!(other, annotated.retry(waits).timeout(None));
        assert_eq!(settings.apply("third", annotated), annotated);
        let limited = annotated.rate(RateLimit::per_minute(1)).breaker(BreakerPolicy::DEFAULT);
        let free = settings.apply("free", limited);
        assert_eq!(free, annotated.without_rate().without_breaker());
        assert!(settings.are_for_events("other", false) && !settings.are_for_events("other", true));
        assert!(settings.are_for_events("hr.send-mail", true));
        assert!(!settings.are_for_events("third", false));
    }

    #[test]
    fn a_wrong_variable_is_named_with_what_is_wrong() {
        for (variable, value, reason) in [
            (
                "H__A__TIMEOUT",
                "10",
                "`timeout` takes a duration such as \"30s\", or \"none\"; not \"10\"",
            ),
            (
                "H__A__TIMEOUT",
                "soon",
                "`timeout` takes a duration such as \"30s\", or \"none\"; not \"soon\"",
            ),
            ("H__A__TIMEOUT", "25h", "`timeout` is out of range: 1ms to 24h are allowed"),
            ("H__A__TIMOUT", "1s", "unknown field `timout`, expected one of"),
            ("H__A__CONCURRENCY", "0", "`concurrency` is out of range: 1 to 1024 are allowed"),
            ("H__A__RETRY__ATTEMPTS", "101", "`attempts` is out of range: 1 to 100 are allowed"),
            ("H__A__RETRY__WAITS", "", "an empty string is not a valid duration"),
            ("H__A__RETRY", "none", "invalid type: string \"none\", expected `attempts`, "),
            (
                "H__A__RATE",
                "many",
                "`rate` takes a number and its unit, such as \"100/s\", \"100/m\" or \"100/h\"",
            ),
            ("H__A__BREAKER", "off", "expected `failures` and `cooldown`, or \"none\""),
            ("H__A__RATE", "0/s", "`rate` is out of range: 1 to 1000000 are allowed"),
            ("H__A__BREAKER__COOLDOWN", "0s", "`cooldown` is out of range: 1ms to 24h are allowed"),
            (
                "H__A__DEAD_LETTERS",
                "burn",
                "unknown variant `burn`, expected one of `keep`, `discard`, `block`",
            ),
            ("H__A", "1", "write `H__HANDLER__OPTION`"),
            ("H__A__B__C__D", "1", "write `H__HANDLER__OPTION`"),
        ] {
            let error = from(&[(variable, value)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{variable}`: ")), "{error}");
            assert!(error.contains(reason), "{error}");
        }
        let spelled = [("H__A__TIMEOUT", "1s"), ("H__a__Timeout", "2s")];
        let error = from(&spelled).unwrap_err().to_string();
        let expected = "`H__a__Timeout`: `H__A__TIMEOUT` sets the same; remove one of the two";
        assert_eq!(error, expected);
        let both = [("H__A__RETRY__ATTEMPTS", "3"), ("H__A__RETRY__WAITS", "1s")];
        let error = from(&both).unwrap_err().to_string();
        assert!(error.starts_with("`H__A`: `waits` says how many attempts"), "{error}");
    }

    #[test]
    fn an_unknown_option_is_an_error_of_serde() {
        let read = |text| serde_json::from_str::<HandlerSettings>(text).unwrap_err().to_string();
        let error = read(r#"{"a": {"timout": "1s"}}"#);
        assert!(error.starts_with("unknown field `timout`, expected one of `timeout`"), "{error}");
        let error = read(r#"{"a": {"retry": {"attempts": 0}}}"#);
        assert!(error.starts_with("`attempts` is out of range"), "{error}");
    }
}
