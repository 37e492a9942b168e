//! Blobs in real files: damaged, half written, written by many at once.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use cqrs_blobs::{BlobError, BlobRef, BlobStore};
use cqrs_core::Context;

use crate::tenant;

fn acme() -> Context {
    tenant("acme")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    names.map(|name| name.into_string().expect("ASCII")).collect()
}

/// A store with one blob, `content`, and where its file is.
async fn one_blob() -> (tempfile::TempDir, BlobStore, BlobRef, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = BlobStore::directory(folder.path()).expect("an empty directory");
    let reference = blobs.put(&acme(), "content").await.expect("kept");
    let file = folder.path().join("tenant-acme").join(reference.id().to_string());
    assert_eq!(fs::read(&file).expect("its file"), b"content");
    (folder, blobs, reference, file)
}

#[tokio::test]
async fn what_is_damaged_is_never_given_back() {
    let (_folder, blobs, reference, file) = one_blob().await;
    let grown = vec![b'x'; 1 << 20];
    for damaged in [&b"contenT"[..], b"", b"conten", b"content\0", &grown] {
        fs::write(&file, damaged).expect("written");
        let error = blobs.get(&acme(), &reference).await.expect_err("damaged");
        assert!(matches!(error, BlobError::Corrupt { id, .. } if id == reference.id()), "{error}");
    }
    fs::write(&file, b"content").expect("restored");
    assert_eq!(blobs.get(&acme(), &reference).await.expect("whole again"), "content");
}

#[tokio::test]
async fn another_instance_and_a_later_one_read_the_same_blobs() {
    let (folder, first, reference, _) = one_blob().await;
    let second = BlobStore::directory(folder.path()).expect("the same directory");
    assert_eq!(second.get(&acme(), &reference).await.expect("there"), "content");
    let other = second.put(&acme(), "more").await.expect("kept");
    assert_eq!(first.get(&acme(), &other).await.expect("there"), "more");
}

#[test]
fn what_is_no_directory_is_refused_at_start_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    for path in [file.clone(), file.join("below")] {
        let error = BlobStore::directory(&path).expect_err("no directory").to_string();
        assert!(error.contains(&format!("cannot use {} for blobs", path.display())), "{error}");
    }
    BlobStore::directory(folder.path().join("a/b/c")).expect("made with all above it");
}

#[cfg(unix)]
#[test]
fn a_new_directory_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("blobs");
    BlobStore::directory(&path).expect("made");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_at_once_each_get_their_own_back() {
    let folder = tempfile::tempdir().expect("a folder");
    // Two instances, as two processes have them.
    let stores = [(); 2].map(|()| BlobStore::directory(folder.path()).expect("a directory"));
    let stores = Arc::new(stores);
    let writers = (0..64_usize).map(|n| {
        let stores = Arc::clone(&stores);
        tokio::spawn(async move {
            let ctx = tenant(["acme", "other"][n % 2]);
            let content = vec![n.to_le_bytes()[0]; 1_000 * n];
            let reference = stores[n % 2].put(&ctx, content.clone()).await.expect("kept");
            let read = stores[(n + 1) % 2].get(&ctx, &reference).await.expect("there");
            assert_eq!(read, content);
            reference.id()
        })
    });
    let mut ids = HashSet::new();
    for writer in writers.collect::<Vec<_>>() {
        ids.insert(writer.await.expect("its own blob"));
    }
    assert_eq!(ids.len(), 64);
    for tenant in ["tenant-acme", "tenant-other"] {
        assert_eq!(names(&folder.path().join(tenant)).len(), 32, "nothing unfinished is left");
    }
}

const THIS_TEST: &str =
    "directory::a_process_that_is_killed_while_it_writes_leaves_whole_blobs_only";
const WRITE_HERE: &str = "CQRS_TEST_WRITE_BLOBS_HERE";
const KILLED_WRITERS_BLOB: usize = 4_000_000;

/// The sizes of all files below `folder`. Files come and go meanwhile.
fn sizes(folder: &Path) -> Vec<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.flat_map(|entry| match entry.metadata() {
        Ok(it) if it.is_dir() => sizes(&entry.path()),
        Ok(it) => vec![it.len()],
        Err(_) => Vec::new(),
    });
    sizes.collect()
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_process_that_is_killed_while_it_writes_leaves_whole_blobs_only() {
    if let Some(folder) = std::env::var_os(WRITE_HERE) {
        // This is the process that the test kills.
        return write_until_killed(folder.as_ref()).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let whole = KILLED_WRITERS_BLOB as u64;
    let being_written =
        || sizes(folder.path()).iter().filter(|&size| (1..whole).contains(size)).count();
    let mut told = Vec::new();
    let mut caught_in_the_act = 0;
    // Most kills hit a file that is being written, and some come too late.
    while caught_in_the_act < 3 {
        let mut writer = Command::new(std::env::current_exe().expect("this test"))
            .args([THIS_TEST, "--exact", "--ignored", "--nocapture"])
            .env(WRITE_HERE, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test again");
        let stdout = BufReader::new(writer.stdout.take().expect("piped"));
        let lines = stdout.lines().map(|line| line.expect("text"));
        let mut told_now = lines.filter_map(|line| serde_json::from_str::<BlobRef>(&line).ok());
        told.push(told_now.next().expect("a first blob"));
        while being_written() == caught_in_the_act {
            std::thread::yield_now();
        }
        writer.kill().expect("still running");
        writer.wait().expect("dead");
        told.extend(told_now);
        caught_in_the_act = being_written();
    }

    let kept = folder.path().join("tenant-acme");
    for name in names(&kept).iter().filter(|name| !name.contains('#')) {
        assert_eq!(fs::metadata(kept.join(name)).expect("a blob").len(), whole);
    }
    let blobs = BlobStore::directory(folder.path()).expect("opened after the kills");
    for reference in &told {
        blobs.get(&acme(), reference).await.expect("what was told is kept");
    }
}

async fn write_until_killed(folder: &Path) {
    let blobs = BlobStore::directory(folder).expect("a folder");
    loop {
        let reference = blobs.put(&acme(), vec![7; KILLED_WRITERS_BLOB]).await.expect("kept");
        println!("{}", serde_json::to_string(&reference).expect("JSON"));
    }
}
