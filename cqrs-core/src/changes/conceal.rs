//! Replacing or removing values in changes.

use serde_json::{Map, Value};

use super::{Change, Changes, path};

/// Which values are meant.
#[derive(Debug)]
pub(crate) enum Place {
    /// What stands at a path, and below it.
    At(Vec<String>),
    /// What stands under a key of this name, anywhere, and below it.
    Named(String),
}

impl Place {
    /// The values at a path, in either form.
    pub(crate) fn at(path: &str) -> Self {
        Self::At(path::segments(&path::pointer(path)))
    }

    /// The values of what is called `name` in Rust or in JSON: case, `_` and `-` make no difference, so
    /// that a secret is found when event and entity are renamed by different rules.
    pub(crate) fn named(name: &str) -> Self {
        Self::Named(plain(name))
    }

    /// Every value.
    pub(crate) fn everywhere() -> Self {
        Self::At(Vec::new())
    }

    fn covers(&self, keys: &[String]) -> bool {
        match self {
            Self::At(place) => keys.starts_with(place),
            Self::Named(name) => keys.iter().any(|key| plain(key) == *name),
        }
    }
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|char| !matches!(char, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Gives the value that takes the place of another, or nothing to remove it.
pub(crate) type Replace<'a> = &'a mut dyn FnMut(Value) -> Option<Value>;

impl Changes {
    /// Replaces the values at `place`, also inside of values. A change is left out when nothing differs in
    /// it any more because something was removed.
    pub(crate) fn replace(&mut self, place: &Place, with: Replace<'_>) {
        self.list = std::mem::take(&mut self.list)
            .into_iter()
            .filter_map(|change| replace_in(change, place, with))
            .collect();
    }
}

fn replace_in(change: Change, place: &Place, with: Replace<'_>) -> Option<Change> {
    let mut walk = Walk { place, with, keys: path::segments(&change.path), removed: false };
    let old = change.old.and_then(|value| walk.value(value));
    let new = change.new.and_then(|value| walk.value(value));
    let left_out = walk.removed && old == new;
    (!left_out).then_some(Change { old, new, ..change })
}

/// The way down into a value.
struct Walk<'a> {
    place: &'a Place,
    with: Replace<'a>,
    keys: Vec<String>,
    removed: bool,
}

impl Walk<'_> {
    fn value(&mut self, value: Value) -> Option<Value> {
        if self.place.covers(&self.keys) {
            let replaced = (self.with)(value);
            self.removed |= replaced.is_none();
            return replaced;
        }
        Some(match value {
            Value::Object(fields) => {
                let replaced = fields.into_iter().filter_map(|(key, value)| {
                    let value = self.step(key.clone(), value)?;
                    Some((key, value))
                });
                Value::Object(replaced.collect::<Map<_, _>>())
            }
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                items.filter_map(|(index, item)| self.step(index.to_string(), item)).collect()
            }
            scalar => scalar,
        })
    }

    fn step(&mut self, key: String, value: Value) -> Option<Value> {
        self.keys.push(key);
        let value = self.value(value);
        self.keys.pop();
        value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes() -> Changes {
        let old = json!({"email": "old@example.com", "home": {"e_mail": "a", "city": "x"}, "n": 1});
        let new = json!({"email": null, "home": {"eMail": "b", "city": "x"}, "n": 2,
            "contacts": [{"E-Mail": "c", "name": "C"}], "account": {"email": {"work": "d"}}});
        Changes::between(&old, &new).unwrap()
    }

    fn mask(value: Value) -> Value {
        if value.is_null() { value } else { "***".into() }
    }

    #[test]
    fn a_name_is_found_at_any_depth_and_in_any_case() {
        let mut changes = changes();
        changes.replace(&Place::named("email"), &mut |value| Some(mask(value)));
        assert_eq!(
            changes.to_string(),
            r#"email: "***" -> null, home.e_mail: "***" -> nothing, home.eMail: nothing -> "***", n: 1 -> 2, account: nothing -> {"email":"***"}, contacts: nothing -> [{"E-Mail":"***","name":"C"}]"#
        );
    }

    #[test]
    fn what_is_removed_leaves_no_trace() {
        let mut changes = changes();
        changes.replace(&Place::named("email"), &mut |_| None);
        assert_eq!(
            changes.to_string(),
            r#"n: 1 -> 2, account: nothing -> {}, contacts: nothing -> [{"name":"C"}]"#
        );
        let list = |secret: u8| json!({"all": [[{"pin": secret}], 1]});
        let mut changes = Changes::between(&json!({}), &list(1)).unwrap();
        changes.replace(&Place::at("all.0.0.pin"), &mut |_| None);
        assert_eq!(changes.to_string(), "all: nothing -> [[{}],1]");
    }

    #[test]
    fn a_path_covers_itself_and_what_is_below_and_inside_above() {
        let masked = |path: &str| changes().mask(path).get("home.e_mail").unwrap().old.clone();
        for path in ["", "home", "/home", "home.e_mail", "/home/e_mail"] {
            assert_eq!(masked(path), Some("[redacted]".into()), "{path}");
        }
        for path in ["hom", "home.e_mail.x", "/home/city", "e_mail"] {
            assert_eq!(masked(path), Some("a".into()), "{path}");
        }
        let inside = changes().mask("account.email.work");
        assert_eq!(
            inside.get("account").unwrap().new,
            Some(json!({"email": {"work": "[redacted]"}}))
        );
    }
}
