//! Blobs in files.

use std::fs::{self, File};
use std::future::ready;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use uuid::Uuid;

use super::{BlobError, BlobRef, BlobStore, DEFAULT_BLOB_LIMIT};
use crate::context::message_id;
use crate::context::{Context, TenantScope};
use crate::handler::BoxFuture;

/// Where files are written until they are whole.
const INCOMING: &str = "incoming";
/// How old an unfinished file is that nobody is still writing.
const ABANDONED: Duration = Duration::from_hours(1);

/// Keeps each blob in a file of its own, in a folder for each tenant:
///
/// ```text
/// blobs/incoming/                                  files that are not yet whole
/// blobs/tenant-acme/0190b5a4-3f7e-7cc0-…           one blob, exactly as it was put
/// blobs/system/0190b5a4-3f80-7a11-…                one of the system scope
/// ```
///
/// A file appears under its name only once its content is safely on the disk, so that a process that is
/// killed at any moment leaves whole blobs, or unfinished ones that nobody sees and that
/// [`open`](Self::open) clears away after an hour. Several processes may share a directory. Names consist
/// of the tenant and of the id, a uuid; links in place of folders or blobs are not followed.
///
/// Cloning is cheap. Files are read and written on Tokio's threads for blocking work.
///
/// ```
/// use std::sync::Arc;
/// use cqrs_core::{App, BlobStore, DirectoryBlobs};
///
/// # let folder = std::env::temp_dir().join(format!("cqrs-blobs-{}", std::process::id()));
/// # let path = &folder;
/// let blobs = DirectoryBlobs::open(path)?.with_limit(10 * 1024 * 1024);
/// let app = App::builder().provide::<Arc<dyn BlobStore>>(Arc::new(blobs)).build();
/// # drop(app);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DirectoryBlobs {
    root: Arc<Path>,
    limit: usize,
}

impl DirectoryBlobs {
    /// Uses this directory, and makes it where there is none, for this user alone. Reads and writes at
    /// once, so call it at start-up.
    ///
    /// # Errors
    ///
    /// [`BlobError::Failed`] when it is no directory, or cannot be made or written to.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BlobError> {
        let path = path.as_ref();
        let failed = |error| BlobError::failed(format!("use {} for blobs", path.display()), error);
        make_folder(path).map_err(failed)?;
        // A later change of the working directory shall change nothing.
        let root = path.canonicalize().map_err(failed)?;
        let incoming = root.join(INCOMING);
        make_folder(&incoming).map_err(failed)?;
        // That it cannot be written to is better known at start-up than at the first blob.
        Unfinished::create(&incoming, message_id::new()).map_err(failed)?;
        clear_abandoned(&incoming, SystemTime::now());
        Ok(Self { root: root.into(), limit: DEFAULT_BLOB_LIMIT })
    }

    /// The largest blob, in bytes: 64 MiB unless set.
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    fn write(&self, tenant: &TenantScope, bytes: &[u8]) -> Result<BlobRef, BlobError> {
        let reference = BlobRef::of(bytes);
        let kept = self.write_file(tenant, reference.id(), bytes);
        kept.map_err(|error| {
            BlobError::failed(format!("write a blob to {}", self.root.display()), error)
        })?;
        Ok(reference)
    }

    /// Content first, name second, and each of them on the disk before the next.
    fn write_file(&self, tenant: &TenantScope, id: Uuid, bytes: &[u8]) -> io::Result<()> {
        make_folder(&self.root.join(folder_name(tenant)))?;
        let folder = self.folder(tenant)?;
        let (mut file, unfinished) = Unfinished::create(&self.root.join(INCOMING), id)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&unfinished.0, folder.join(id.to_string()))?;
        sync_folder(&folder)?;
        sync_folder(&self.root)
    }

    fn read(&self, tenant: &TenantScope, reference: &BlobRef) -> Result<Vec<u8>, BlobError> {
        let failed = |error| self.explain("read", tenant, reference, error);
        let path = self.blob_file(tenant, reference).map_err(failed)?;
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        // Before anything is read: neither the file nor the reference decides how much memory is taken.
        reference.verify_size(size)?;
        let mut bytes = Vec::new();
        let room = usize::try_from(size).unwrap_or(usize::MAX);
        bytes.try_reserve_exact(room).map_err(|error| failed(io::Error::other(error)))?;
        file.take(size).read_to_end(&mut bytes).map_err(failed)?;
        reference.verify(&bytes)?;
        Ok(bytes)
    }

    fn remove(&self, tenant: &TenantScope, reference: &BlobRef) -> Result<bool, BlobError> {
        let removed = self.blob_file(tenant, reference).and_then(fs::remove_file);
        match removed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.explain("delete", tenant, reference, error)),
        }
    }

    fn blob_file(&self, tenant: &TenantScope, reference: &BlobRef) -> io::Result<PathBuf> {
        let path = self.folder(tenant)?.join(reference.id().to_string());
        let is_file = fs::symlink_metadata(&path)?.is_file();
        is_file.then_some(path).ok_or_else(|| io::Error::other("it is not a file of its own"))
    }

    fn folder(&self, tenant: &TenantScope) -> io::Result<PathBuf> {
        let path = self.root.join(folder_name(tenant));
        let is_folder = fs::symlink_metadata(&path)?.is_dir();
        let linked = || format!("{} is not a folder of its own", path.display());
        if is_folder { Ok(path) } else { Err(io::Error::other(linked())) }
    }

    fn explain(
        &self,
        verb: &str,
        tenant: &TenantScope,
        reference: &BlobRef,
        error: io::Error,
    ) -> BlobError {
        let (id, tenant) = (reference.id(), tenant.clone());
        if error.kind() == ErrorKind::NotFound {
            return BlobError::NotFound { id, tenant };
        }
        BlobError::failed(format!("{verb} blob {id} in {}", self.root.display()), error)
    }
}

impl BlobStore for DirectoryBlobs {
    fn put<'a>(
        &'a self,
        ctx: &'a Context,
        bytes: Vec<u8>,
    ) -> BoxFuture<'a, Result<BlobRef, BlobError>> {
        let (size, limit) = (bytes.len(), self.limit);
        if size > limit {
            return Box::pin(ready(Err(BlobError::TooLarge { size, limit })));
        }
        let (store, tenant) = (self.clone(), ctx.tenant().clone());
        Box::pin(blocking("write a blob", move || store.write(&tenant, &bytes)))
    }

    fn get<'a>(
        &'a self,
        ctx: &'a Context,
        reference: &'a BlobRef,
    ) -> BoxFuture<'a, Result<Vec<u8>, BlobError>> {
        let (store, tenant, reference) = (self.clone(), ctx.tenant().clone(), reference.clone());
        Box::pin(blocking("read a blob", move || store.read(&tenant, &reference)))
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        reference: &'a BlobRef,
    ) -> BoxFuture<'a, Result<bool, BlobError>> {
        let (store, tenant, reference) = (self.clone(), ctx.tenant().clone(), reference.clone());
        Box::pin(blocking("delete a blob", move || store.remove(&tenant, &reference)))
    }
}

async fn blocking<T: Send + 'static>(
    action: &'static str,
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let runtime = Handle::try_current().map_err(|error| BlobError::failed(action, error))?;
    let done = runtime.spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(BlobError::failed(action, error)))
}

/// A different folder for each scope, also where file names do not tell `acme` from `Acme`, and none
/// that some system gives another meaning, such as `con`.
fn folder_name(tenant: &TenantScope) -> String {
    let Some(id) = tenant.id() else { return "system".to_owned() };
    let mut name = "tenant-".to_owned();
    for letter in id.as_str().chars() {
        if letter.is_ascii_uppercase() {
            name.push('^');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// A file that is removed unless it has got another name meanwhile.
struct Unfinished(PathBuf);

impl Unfinished {
    fn create(incoming: &Path, id: Uuid) -> io::Result<(File, Self)> {
        let path = incoming.join(id.to_string());
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok((file, Self(path)))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes a folder, and those above it, for this user alone; one that is there stays as it is.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Lets names survive a power failure, where the system lets a folder be synchronised.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(path)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}

/// Removes what killed processes left behind. What cannot be removed costs space and nothing else.
fn clear_abandoned(incoming: &Path, now: SystemTime) {
    let Ok(entries) = fs::read_dir(incoming) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|it| Uuid::try_parse(it).is_ok());
        let written = entry.metadata().ok().filter(fs::Metadata::is_file);
        let age = written.and_then(|it| now.duration_since(it.modified().ok()?).ok());
        if is_ours
            && age.is_some_and(|age| age > ABANDONED)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, file = %entry.path().display(), "an unfinished blob stays");
        }
    }
}
