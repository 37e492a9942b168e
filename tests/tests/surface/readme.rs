//! What the README shows is what there is.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fenced blocks of this language, without their fences.
fn blocks<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    let blocks = markdown.split(&fence).skip(1);
    blocks.map(|block| block.split("\n```\n").next().unwrap_or(block)).collect()
}

#[test]
fn its_tour_is_the_example_that_is_compiled_run_and_tested() {
    let readme = read("README.md");
    let rust = blocks(&readme, "rust");
    assert_eq!(rust.len(), 1, "another block of Rust needs a test of its own");
    assert_eq!(rust[0], read("examples/tour/src/main.rs").trim_end());
}

#[test]
fn its_dependencies_are_those_of_the_tour() {
    let readme = read("README.md");
    let names = |manifest: &str| {
        let from_dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let lines = from_dependencies.lines().take_while(|line| !line.starts_with("[lints"));
        lines
            .filter_map(|line| Some(line.split_once([' ', '.', '='])?.0.to_owned()))
            .collect::<Vec<_>>()
    };
    let shown = names(blocks(&readme, "toml")[0]);
    assert_eq!(shown, names(&read("examples/tour/Cargo.toml")));
    assert!(shown.contains(&"cqrs-core".to_owned()));
}

/// A reader who copies from a page sees every line that is compiled.
#[test]
fn its_pages_hide_no_line_of_their_programs() {
    for page in std::fs::read_dir(root().join("docs")).expect("a folder").flatten() {
        let name = page.file_name().display().to_string();
        if Path::new(&name).extension().is_none_or(|it| it != "md") {
            continue;
        }
        let text = read(&format!("docs/{name}"));
        for block in text.split("\n```rust").skip(1) {
            let block = block.split("\n```\n").next().unwrap_or(block);
            let hidden = block.lines().find(|line| *line == "#" || line.starts_with("# "));
            assert_eq!(hidden, None, "{name} shows a line that only rustdoc hides");
        }
    }
}

/// Every page is one of the documentation tests, so that its code cannot rot.
#[test]
fn its_pages_are_compiled() {
    let compiled = read("tests/src/docs.rs");
    for page in std::fs::read_dir(root().join("docs")).expect("a folder").flatten() {
        let name = page.file_name().display().to_string();
        let is_page = Path::new(&name).extension().is_some_and(|it| it == "md");
        assert!(!is_page || compiled.contains(&format!("docs/{name}\"")), "{name} is not compiled");
    }
}

#[test]
fn its_links_lead_somewhere() {
    let mut documents =
        vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned(), "CHANGELOG.md".to_owned()];
    documents.push("examples/quickstart/README.md".to_owned());
    documents.push("examples/workforce/README.md".to_owned());
    for page in std::fs::read_dir(root().join("docs")).expect("a folder").flatten() {
        let name = page.file_name();
        if Path::new(&name).extension().is_some_and(|it| it == "md") {
            documents.push(format!("docs/{}", name.display()));
        }
    }
    for document in documents {
        let text = read(&document);
        let folder = Path::new(&document).parent().unwrap_or(Path::new(""));
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.starts_with("http") {
                continue;
            }
            let path = root().join(folder).join(target);
            assert!(path.exists(), "{document} links to {target}, which is not there");
        }
    }
}
