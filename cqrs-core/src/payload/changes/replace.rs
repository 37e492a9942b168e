//! How values in changes are replaced or removed.

use serde_json::Value;

use super::{Changes, path};

/// Returns the replacement of a value, or `None` to remove the value.
pub(crate) type Replace<'a> = &'a mut dyn FnMut(Value) -> Option<Value>;

impl Changes {
    /// Replaces the values of the field `name`, at any depth, also inside other values; all values, if the
    /// name is empty.
    ///
    /// All changes below the field become one, because the keys on their paths may be as secret as the
    /// values. Its old and new values are objects with the value at each path.
    pub(crate) fn replace(&mut self, name: &str, with: Replace<'_>) {
        let name = plain(name);
        for change in &mut self.list {
            if let Some(end) = end_of(&name, &change.path).filter(|end| *end < change.path.len()) {
                let rest = change.path.split_off(end);
                for side in [&mut change.old, &mut change.new] {
                    *side =
                        Some(side.take().map(|value| (rest.clone(), value)).into_iter().collect());
                }
            }
        }
        self.list.dedup_by(|change, before| {
            let is_same = change.path == before.path;
            if is_same {
                append(&mut before.old, &mut change.old);
                append(&mut before.new, &mut change.new);
            }
            is_same
        });
        for change in &mut self.list {
            let is_field = end_of(&name, &change.path).is_some();
            for side in [&mut change.old, &mut change.new] {
                if is_field {
                    *side = side.take().and_then(&mut *with);
                } else if let Some(value) = side {
                    replace_inside(&name, value, with);
                }
            }
        }
        self.list.retain(|change| change.old.is_some() || change.new.is_some());
    }
}

fn append(to: &mut Option<Value>, from: &mut Option<Value>) {
    if let (Some(Value::Object(to)), Some(Value::Object(from))) = (to, from) {
        to.append(from);
    }
}

/// Where the first step with this name ends in a pointer. Without a name, that is the whole value.
fn end_of(name: &str, pointer: &str) -> Option<usize> {
    if name.is_empty() {
        return Some(0);
    }
    let ends = pointer.match_indices('/').map(|(start, _)| start).chain([pointer.len()]).skip(1);
    let mut steps = pointer.split('/').skip(1).zip(ends);
    steps.find_map(|(step, end)| (plain(&path::key(step)) == name).then_some(end))
}

fn replace_inside(name: &str, value: &mut Value, with: Replace<'_>) {
    match value {
        Value::Object(fields) => fields.retain(|key, value| {
            if plain(key) != name {
                replace_inside(name, value, with);
                return true;
            }
            let replaced = with(value.take());
            replaced.map(|replaced| *value = replaced).is_some()
        }),
        Value::Array(items) => items.iter_mut().for_each(|it| replace_inside(name, it, with)),
        _ => {}
    }
}

/// A name without its case, `_` and `-`, so that a secret is found even if event and entity rename their
/// fields by different rules.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|char| !matches!(char, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
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

    #[track_caller]
    fn assert_shows(mut changes: Changes, name: &str, with: Replace<'_>, shown: &str) {
        changes.replace(name, with);
        assert_eq!(changes.to_string(), shown);
    }

    #[test]
    fn a_name_is_found_at_any_depth_and_in_any_case() {
        let shown = r#"email: "***" -> "***", home.e_mail: "***" -> nothing, home.eMail: nothing -> "***", n: 1 -> 2, account: nothing -> {"email":"***"}, contacts: nothing -> [{"E-Mail":"***","name":"C"}]"#;
        assert_shows(changes(), "email", &mut |_| Some("***".into()), shown);
    }

    #[test]
    fn what_is_removed_leaves_no_trace() {
        let shown = r#"n: 1 -> 2, account: nothing -> {}, contacts: nothing -> [{"name":"C"}]"#;
        assert_shows(changes(), "email", &mut |_| None, shown);
        let lists = Changes::between(&json!({}), &json!({"all": [[{"pin": 1}], 1]})).unwrap();
        let shown = "all: nothing -> [[{}],1]";
        assert_shows(lists, "pin", &mut |_| None, shown);
    }

    #[test]
    fn keys_below_a_target_are_as_secret_as_its_values() {
        let old = json!({"Contacts": {"ada@a.b": {"phone": 1}, "eve@a.b": 2}, "n": 1});
        let new = json!({"Contacts": {"ada@a.b": {"phone": 3}, "bob@a.b": 4}, "n": 2});
        let changes = Changes::between(&old, &new).unwrap();
        let masked = r#"Contacts: "***" -> "***", n: 1 -> 2"#;
        assert_shows(changes.clone(), "contacts", &mut |_| Some("***".into()), masked);
        assert_shows(changes.clone(), "contacts", &mut |_| None, "n: 1 -> 2");
        // A hash is made of all that changed there.
        let seen = r#"Contacts: {"/ada@a.b/phone":1,"/eve@a.b":2} -> {"/ada@a.b/phone":3,"/bob@a.b":4}, n: 1 -> 2"#;
        assert_shows(changes.clone(), "contacts", &mut Some, seen);
        assert_eq!(changes.mask("").to_string(), r#"the whole: "[redacted]" -> "[redacted]""#);
    }

    #[test]
    fn a_name_is_that_of_a_whole_key() {
        let old = |name: &str, at: &str| changes().mask(name).get(at).unwrap().old.clone();
        assert_eq!(old("Home", "home"), Some("[redacted]".into()));
        for name in ["hom", "home.e_mail", "/home/e_mail", "city"] {
            assert_eq!(old(name, "home.e_mail"), Some("a".into()), "{name}");
            assert_eq!(old(name, "/home/e_mail"), Some("a".into()), "{name}");
        }
        let inside = changes().mask("work");
        let account = json!({"email": {"work": "[redacted]"}});
        assert_eq!(inside.get("account").unwrap().new, Some(account));
    }
}
