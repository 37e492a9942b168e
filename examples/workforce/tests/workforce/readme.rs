//! What the README says to type does what the README says.

use std::io::BufRead as _;
use std::process::Command;

use crate::program::started;
use crate::world::Result;

/// All commands of the page but those that start the product, in their order.
fn commands() -> String {
    let page = include_str!("../../README.md");
    let blocks = page.split("\n```sh\n").skip(2).filter_map(|it| it.split_once("```"));
    blocks.map(|(block, _)| block).collect()
}

fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

#[test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
fn its_commands_can_be_copied_into_one_shell() -> Result {
    for tool in ["bash", "curl", "openssl"] {
        assert!(has(tool), "there is no `{tool}`");
    }
    let folder = tempfile::tempdir()?;
    let (_running, mut output) = started(folder.path(), &[])?;
    let mut first = String::new();
    output.read_line(&mut first)?;
    let url = first.split_whitespace().find(|it| it.starts_with("http://")).ok_or("no address")?;

    let binary = env!("CARGO_BIN_EXE_workforce");
    let commands = commands()
        .replace("http://127.0.0.1:3000", url)
        .replace("cargo run -p workforce --", &format!("RUST_LOG=warn '{binary}'"));
    let commands = commands.lines().map(|line| {
        // Reactions come after the answer: each is waited for by asking for what it does.
        let waits_for_mail = line.starts_with("invite=");
        let waits_for_hours = line.contains("/hours");
        if waits_for_mail {
            format!("until grep -q 'To: .*anita@initech' $(grep -l join?token mail/*.eml); do :; done\n{line}\n")
        } else if waits_for_hours {
            format!("until curl -s $api/employees/$employee/hours -H \"$auth\" | grep -q 90; do :; done\n{line}\n")
        } else {
            format!("{line}\n")
        }
    });
    let script: String = commands.collect();
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(folder.path()).env_remove("DATABASE_URL");
    let output = shell.output()?;
    let (said, errors) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);

    let mut rest = said.as_str();
    for expected in [
        r#""full_name":"Anita Borg","email":"anita@initech.example""#,
        r#""items":[{"#,
        r#""headcount":"#,
        r#""full_name":"Anita Borg","email":"anita@initech.example","role":"member""#,
        r#""errors":[{"field":"full_name""#,
        r#""minutes":90"#,
        r#""status":"submitted""#,
        r#""status":"approved""#,
        r#""minutes_this_week":90"#,
        r#""status":"accepted""#,
        r#""guid":"1","kind":"ping""#,
        r#""imported":1,"skipped":0,"failed":1"#,
        "diary.csv: 0 imported, 1 skipped, 1 failed\n  line 3: `Minutes` is `ten`",
    ] {
        let (_, after) = rest
            .split_once(expected)
            .ok_or_else(|| format!("`{expected}` does not come:\n{rest}\n{errors}"))?;
        rest = after;
    }
    Ok(())
}
