//! Reads which module imports which from a crate's sources, so that a test can keep the arrows pointing one way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{
    Attribute, Ident, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, ItemUse, UseTree, Visibility,
};

/// The path of a module or of an item in it, without `crate`.
type Names = Vec<String>;

/// The modules that `lib.rs` declares, in the order of their `mod` lines, without those for tests.
///
/// # Panics
///
/// If `lib.rs` cannot be read or parsed.
pub fn declared_modules(src: &Path) -> Vec<String> {
    let items = parsed(&src.join("lib.rs")).items;
    items.iter().filter_map(outside_file).map(ToString::to_string).collect()
}

/// Every import by a top-level module of one that comes after it in `order`, and every top-level module that
/// `order` does not name: `bus/event_bus.rs:12: `bus` imports `app`, which comes after it`.
///
/// # Panics
///
/// If a file of the crate cannot be found or parsed.
pub fn check_arrows(src: &Path, order: &[&str]) -> Vec<String> {
    let place = |name: &str| order.iter().position(|other| *other == name);
    let declared = declared_modules(src);
    let unknown = declared.iter().filter(|name| place(name).is_none());
    let mut wrong: Vec<_> = unknown
        .map(|name| format!("lib.rs: `{name}` is not in the order of the modules"))
        .collect();
    for Arrow { from, to, at } in Crate::read(src).arrows(&[]) {
        if place(&from).zip(place(&to)).is_some_and(|(from, to)| from < to) {
            wrong.push(format!("{at}: `{from}` imports `{to}`, which comes after it"));
        }
    }
    wrong
}

/// Every import that is part of a circle between the modules of one of `folders`, such as `store` or `web/page`:
/// `store/row.rs:8: `row` imports `chain`, which imports `row` in turn`.
///
/// # Panics
///
/// If a file of the crate cannot be found or parsed.
pub fn check_circles(src: &Path, folders: &[&str]) -> Vec<String> {
    let all = Crate::read(src);
    folders.iter().flat_map(|folder| all.circles(folder)).collect()
}

fn reaches(imports: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            next.extend(imports.get(module).into_iter().flatten());
        }
    }
    false
}

/// One module of a folder imports another one there.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    /// File and line.
    at: String,
    from: String,
    to: String,
}

/// What all files of a crate name.
struct Crate {
    modules: Vec<Names>,
    mentions: Vec<Mention>,
    /// Where a name that a module exports comes from.
    exports: BTreeMap<Names, Names>,
}

/// A path in the code of a module.
struct Mention {
    module: Names,
    path: Names,
    at: String,
}

impl Crate {
    fn read(src: &Path) -> Self {
        let mut all = Self { modules: Vec::new(), mentions: Vec::new(), exports: BTreeMap::new() };
        let mut files = vec![(PathBuf::from("lib.rs"), Names::new())];
        while let Some((file, module)) = files.pop() {
            let parsed = parsed(&src.join(&file));
            for name in parsed.items.iter().filter_map(outside_file) {
                let module = [module.as_slice(), &[name.to_string()]].concat();
                files.push((file_of(src, &module), module));
            }
            let children = parsed.items.iter().filter_map(child).collect();
            all.modules.push(module.clone());
            let mut reader = Reader { all: &mut all, file: &file, module, children };
            reader.visit_file(&parsed);
        }
        all
    }

    /// The arrows between the modules directly in `folder`. What its own file defines is named `mod`.
    fn arrows(&self, folder: &[String]) -> BTreeSet<Arrow> {
        let within = |path: &[String]| match path.strip_prefix(folder)? {
            [] => Some("mod".to_owned()),
            [name, ..] => Some(name.clone()),
        };
        let modules: BTreeSet<_> =
            self.modules.iter().filter_map(|module| within(module)).collect();
        let arrow = |mention: &Mention| {
            let from = within(&mention.module)?;
            let to = within(&self.origin(mention.path.clone()))?;
            let to = if modules.contains(&to) { to } else { "mod".to_owned() };
            (from != to).then(|| Arrow { at: mention.at.clone(), from, to })
        };
        self.mentions.iter().filter_map(arrow).collect()
    }

    fn circles(&self, folder: &str) -> Vec<String> {
        let folder: Names = folder.split('/').map(ToOwned::to_owned).collect();
        let arrows = self.arrows(&folder);
        let mut imports = BTreeMap::<_, BTreeSet<_>>::new();
        for Arrow { from, to, .. } in &arrows {
            imports.entry(from.as_str()).or_default().insert(to.as_str());
        }
        let is_circle = |arrow: &&Arrow| reaches(&imports, &arrow.to, &arrow.from);
        let circle = |Arrow { from, to, at }: &Arrow| {
            format!("{at}: `{from}` imports `{to}`, which imports `{from}` in turn")
        };
        arrows.iter().filter(is_circle).map(circle).collect()
    }

    /// The path that leads to the same item without a re-export.
    fn origin(&self, mut path: Names) -> Names {
        let export = |path: &Names| {
            let export = |end| Some((end, self.exports.get(&path[..end])?));
            // An item may have the name of the module that it is exported from.
            let mut exports = (1..=path.len()).filter_map(export);
            exports.find(|(end, origin)| !origin.starts_with(&path[..*end]))
        };
        while let Some((end, origin)) = export(&path) {
            path = [origin.as_slice(), &path[end..]].concat();
        }
        path
    }
}

/// Reads one file.
struct Reader<'a> {
    all: &'a mut Crate,
    file: &'a Path,
    module: Names,
    /// The modules that the file declares.
    children: BTreeSet<String>,
}

impl Reader<'_> {
    /// The path without `crate`, `self` and `super`; `None`, if it leads out of the crate.
    fn absolute(&self, path: &[&Ident]) -> Option<Names> {
        let mut absolute = self.module.clone();
        for (at, name) in path.iter().map(ToString::to_string).enumerate() {
            match (at, name.as_str()) {
                (0, "crate") => absolute.clear(),
                (_, "self") => {}
                (_, "super") => drop(absolute.pop()),
                (0, _) if !self.children.contains(&name) => return None,
                _ => absolute.push(name),
            }
        }
        Some(absolute)
    }

    fn mention(&mut self, path: &[&Ident]) {
        let (Some(absolute), Some(first)) = (self.absolute(path), path.first()) else { return };
        let at = format!("{}:{}", self.file.display(), first.span().start().line);
        self.all.mentions.push(Mention { module: self.module.clone(), path: absolute, at });
    }

    fn imports<'t>(&mut self, tree: &'t UseTree, before: &[&'t Ident], is_export: bool) {
        let path = |name| [before, &[name]].concat();
        let (path, alias) = match tree {
            UseTree::Path(tree) => return self.imports(&tree.tree, &path(&tree.ident), is_export),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.imports(tree, before, is_export));
            }
            UseTree::Name(tree) => (path(&tree.ident), Some(&tree.ident)),
            UseTree::Rename(tree) => (path(&tree.ident), Some(&tree.rename)),
            UseTree::Glob(_) => (before.to_vec(), None),
        };
        if !is_export {
            return self.mention(&path);
        }
        if let (Some(origin), Some(alias)) = (self.absolute(&path), alias) {
            let export = [self.module.as_slice(), &[alias.to_string()]].concat();
            if export != origin {
                self.all.exports.insert(export, origin);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_test(&item.attrs) {
            // A module that only passes a name on does not use it.
            let is_export = !matches!(item.vis, Visibility::Inherited);
            self.imports(&item.tree, &[], is_export);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| &segment.ident).collect();
        if names.len() > 1 {
            self.mention(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() && !is_test(&item.attrs) {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

/// The name of a module that is in another file and is not for tests.
fn outside_file(item: &Item) -> Option<&Ident> {
    let Item::Mod(item) = item else { return None };
    let name = item.ident.to_string();
    let is_for_tests =
        is_test(&item.attrs) || name.contains("tests") || name.contains("properties");
    (item.content.is_none() && !is_for_tests).then_some(&item.ident)
}

fn child(item: &Item) -> Option<String> {
    let Item::Mod(item) = item else { return None };
    Some(item.ident.to_string())
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test")
    })
}

fn file_of(src: &Path, module: &[String]) -> PathBuf {
    let folder: PathBuf = module.iter().collect();
    let file = folder.with_extension("rs");
    if src.join(&file).exists() { file } else { folder.join("mod.rs") }
}

fn parsed(file: &Path) -> syn::File {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
