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

    /// How many steps lead to the first place on the way that is meant, if one is.
    fn steps_to(&self, keys: &[String]) -> Option<usize> {
        match self {
            Self::At(place) => keys.starts_with(place).then_some(place.len()),
            Self::Named(name) => Some(keys.iter().position(|key| plain(key) == *name)? + 1),
        }
    }

    fn covers(&self, keys: &[String]) -> bool {
        self.steps_to(keys).is_some()
    }

    /// A pointer to below the place, in two: to the place, and the rest.
    fn split<'a>(&self, pointer: &'a str) -> Option<(&'a str, &'a str)> {
        let steps = self.steps_to(&path::segments(pointer))?;
        let (end, _) = pointer.match_indices('/').nth(steps)?;
        Some(pointer.split_at(end))
    }
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|char| !matches!(char, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Gives the value that takes the place of another, or nothing to remove it.
pub(crate) type Replace<'a> = &'a mut dyn FnMut(Value) -> Option<Value>;

impl Changes {
    /// Replaces the values at `place`, also inside of values; all changes below it become one. A change is
    /// left out when nothing differs in it any more because something was removed.
    pub(crate) fn replace(&mut self, place: &Place, with: Replace<'_>) {
        self.list = folded(std::mem::take(&mut self.list), place)
            .into_iter()
            .filter_map(|change| replace_in(change, place, with))
            .collect();
    }
}

/// Makes one change of all below a place, since the keys on their paths may tell as much as the values. Its
/// values are objects of what was and is at each path.
fn folded(changes: Vec<Change>, place: &Place) -> Vec<Change> {
    let mut folded: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let Some((top, rest)) = place.split(&change.path) else {
            folded.push(change);
            continue;
        };
        let at = folded.iter().position(|other| other.path == top).unwrap_or_else(|| {
            // Both are there: otherwise the place itself would have been added or removed.
            let empty = || Some(Value::Object(Map::new()));
            folded.push(Change { path: top.to_owned(), old: empty(), new: empty(), cut: false });
            folded.len() - 1
        });
        let whole = &mut folded[at];
        whole.cut |= change.cut;
        for (whole, part) in [(&mut whole.old, change.old), (&mut whole.new, change.new)] {
            if let (Some(Value::Object(parts)), Some(part)) = (whole, part) {
                parts.insert(rest.to_owned(), part);
            }
        }
    }
    folded
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
    fn keys_below_a_place_are_told_no_more_than_its_values() {
        let old = json!({"Contacts": {"ada@a.b": {"phone": 1}, "eve@a.b": 2}, "n": 1});
        let new = json!({"Contacts": {"ada@a.b": {"phone": 3}, "bob@a.b": 4}, "n": 2});
        let shown = |with: Replace<'_>| {
            let mut changes = Changes::between(&old, &new).unwrap();
            changes.replace(&Place::named("contacts"), with);
            changes.to_string()
        };
        let masked = shown(&mut |value| Some(mask(value)));
        assert_eq!(masked, r#"Contacts: "***" -> "***", n: 1 -> 2"#);
        assert_eq!(shown(&mut |_| None), "n: 1 -> 2");
        // A hash tells apart what differs in any of them.
        let seen = shown(&mut Some);
        assert_eq!(
            seen,
            r#"Contacts: {"/ada@a.b/phone":1,"/eve@a.b":2} -> {"/ada@a.b/phone":3,"/bob@a.b":4}, n: 1 -> 2"#
        );
        let changes = Changes::between(&old, &new).unwrap();
        assert_eq!(changes.mask("").to_string(), r#"the whole: "[redacted]" -> "[redacted]""#);
    }

    #[test]
    fn a_path_covers_itself_and_what_is_below_and_inside_above() {
        let old = |path: &str, at: &str| changes().mask(path).get(at).unwrap().old.clone();
        for (path, at) in [("", ""), ("home", "home"), ("/home", "home")] {
            assert_eq!(old(path, at), Some("[redacted]".into()), "{path}");
        }
        for path in ["home.e_mail", "/home/e_mail"] {
            assert_eq!(old(path, "home.e_mail"), Some("[redacted]".into()), "{path}");
        }
        for path in ["hom", "home.e_mail.x", "/home/city", "e_mail"] {
            assert_eq!(old(path, "home.e_mail"), Some("a".into()), "{path}");
        }
        let inside = changes().mask("account.email.work");
        assert_eq!(
            inside.get("account").unwrap().new,
            Some(json!({"email": {"work": "[redacted]"}}))
        );
    }
}
