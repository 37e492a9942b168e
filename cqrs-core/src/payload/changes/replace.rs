//! How values in changes are replaced or removed.

use serde_json::{Map, Value};

use super::{Change, Changes, path};

/// The values to replace.
#[derive(Debug)]
pub(crate) enum Target {
    /// The value at a pointer, and all values below it.
    At(String),
    /// The value of a key with this plain name, at any depth, and all values below it.
    Named(String),
}

impl Target {
    /// The values at a path, in either form.
    pub(crate) fn at(path: &str) -> Self {
        Self::At(path::pointer(path))
    }

    /// The values of the field `name` in Rust or in JSON. Case, `_` and `-` are ignored, so that a secret
    /// is found even if event and entity rename their fields by different rules.
    pub(crate) fn named(name: &str) -> Self {
        Self::Named(plain(name))
    }

    /// The part of the pointer that leads to the target, if the pointer is at or below a target.
    fn top<'a>(&self, pointer: &'a str) -> Option<&'a str> {
        match self {
            Self::At(top) => {
                let rest = pointer.strip_prefix(top.as_str())?;
                (rest.is_empty() || rest.starts_with('/')).then(|| &pointer[..top.len()])
            }
            Self::Named(name) => {
                let mut ends = pointer.match_indices('/').map(|(start, _)| start).skip(1);
                pointer.split('/').skip(1).find_map(|step| {
                    let end = ends.next().unwrap_or(pointer.len());
                    (plain(&path::key(step)) == *name).then(|| &pointer[..end])
                })
            }
        }
    }
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|char| !matches!(char, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Returns the replacement of a value, or `None` to remove the value.
pub(crate) type Replace<'a> = &'a mut dyn FnMut(Value) -> Option<Value>;

impl Changes {
    /// Replaces the values of `target`, also inside other values. All changes below one target become one
    /// change, because the keys on their paths may be as secret as the values. A change without a
    /// difference after a removal is left out.
    pub(crate) fn replace(&mut self, target: &Target, with: Replace<'_>) {
        let list = std::mem::take(&mut self.list);
        let groups = list.chunk_by(|a, b| {
            let top = target.top(&a.path);
            top.is_some() && top == target.top(&b.path)
        });
        self.list = groups
            .filter_map(|group| {
                let mut removed = false;
                let change = one_of(group, target).map_values(|path, value| {
                    replace(target, path, value, &mut |value| {
                        let replaced = with(value);
                        removed |= replaced.is_none();
                        replaced
                    })
                });
                (!removed || change.old != change.new).then_some(change)
            })
            .collect();
    }
}

impl Change {
    fn map_values(self, mut map: impl FnMut(&str, Value) -> Option<Value>) -> Self {
        let old = self.old.and_then(|value| map(&self.path, value));
        let new = self.new.and_then(|value| map(&self.path, value));
        Self { old, new, ..self }
    }
}

/// Merges all changes below a target into one. Its old and new values are objects with the value at each
/// path.
fn one_of(group: &[Change], target: &Target) -> Change {
    let first = &group[0];
    let Some(top) = target.top(&first.path).filter(|top| *top != first.path) else {
        return first.clone();
    };
    let fold = |value: fn(&Change) -> &Option<Value>| {
        let rest = |change: &Change| change.path[top.len()..].to_owned();
        let parts = group.iter().filter_map(|it| Some((rest(it), value(it).clone()?)));
        // Both sides are objects; otherwise the target itself would have been added or removed.
        Some(Value::Object(parts.collect::<Map<_, _>>()))
    };
    Change {
        path: top.to_owned(),
        old: fold(|change| &change.old),
        new: fold(|change| &change.new),
        cut: group.iter().any(|change| change.cut),
    }
}

/// The value, with the targets inside it replaced.
fn replace(target: &Target, pointer: &str, value: Value, with: Replace<'_>) -> Option<Value> {
    if target.top(pointer).is_some() {
        return with(value);
    }
    let mut below =
        |key: &str, value| replace(target, &path::below(pointer, key), value, &mut *with);
    Some(match value {
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let replaced =
                fields.filter_map(|(key, value)| Some((key.clone(), below(&key, value)?)));
            Value::Object(replaced.collect())
        }
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            items.filter_map(|(index, item)| below(&index.to_string(), item)).collect()
        }
        scalar => scalar,
    })
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
    fn assert_shows(mut changes: Changes, target: &Target, with: Replace<'_>, shown: &str) {
        changes.replace(target, with);
        assert_eq!(changes.to_string(), shown);
    }

    #[test]
    fn a_name_is_found_at_any_depth_and_in_any_case() {
        let shown = r#"email: "***" -> "***", home.e_mail: "***" -> nothing, home.eMail: nothing -> "***", n: 1 -> 2, account: nothing -> {"email":"***"}, contacts: nothing -> [{"E-Mail":"***","name":"C"}]"#;
        assert_shows(changes(), &Target::named("email"), &mut |_| Some("***".into()), shown);
    }

    #[test]
    fn what_is_removed_leaves_no_trace() {
        let shown = r#"n: 1 -> 2, account: nothing -> {}, contacts: nothing -> [{"name":"C"}]"#;
        assert_shows(changes(), &Target::named("email"), &mut |_| None, shown);
        let lists = Changes::between(&json!({}), &json!({"all": [[{"pin": 1}], 1]})).unwrap();
        let shown = "all: nothing -> [[{}],1]";
        assert_shows(lists, &Target::at("all.0.0.pin"), &mut |_| None, shown);
    }

    #[test]
    fn keys_below_a_target_are_as_secret_as_its_values() {
        let old = json!({"Contacts": {"ada@a.b": {"phone": 1}, "eve@a.b": 2}, "n": 1});
        let new = json!({"Contacts": {"ada@a.b": {"phone": 3}, "bob@a.b": 4}, "n": 2});
        let changes = Changes::between(&old, &new).unwrap();
        let contacts = Target::named("contacts");
        let masked = r#"Contacts: "***" -> "***", n: 1 -> 2"#;
        assert_shows(changes.clone(), &contacts, &mut |_| Some("***".into()), masked);
        assert_shows(changes.clone(), &contacts, &mut |_| None, "n: 1 -> 2");
        // A hash is made of all that changed there.
        let seen = r#"Contacts: {"/ada@a.b/phone":1,"/eve@a.b":2} -> {"/ada@a.b/phone":3,"/bob@a.b":4}, n: 1 -> 2"#;
        assert_shows(changes.clone(), &contacts, &mut Some, seen);
        assert_eq!(changes.mask("").to_string(), r#"the whole: "[redacted]" -> "[redacted]""#);
    }

    #[test]
    fn a_path_covers_itself_and_what_is_below_and_inside_above() {
        let old = |path: &str, at: &str| changes().mask(path).get(at).unwrap().old.clone();
        for (path, at) in
            [("", ""), ("/home", "home"), ("home", "home"), ("home.e_mail", "home.e_mail")]
        {
            assert_eq!(old(path, at), Some("[redacted]".into()), "{path}");
        }
        for path in ["hom", "home.e_mail.x", "/home/city", "e_mail"] {
            assert_eq!(old(path, "home.e_mail"), Some("a".into()), "{path}");
        }
        let inside = changes().mask("account.email.work");
        let account = json!({"email": {"work": "[redacted]"}});
        assert_eq!(inside.get("account").unwrap().new, Some(account));
    }
}
