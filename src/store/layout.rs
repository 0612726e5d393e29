//! Where everything stands: the one place that joins state paths. Names come in as checked types, so that no
//! path can leave the two trees.
//!
//! The layout is the Python tool's ("Storage layout" in its documentation). Ours alone are `staging/`, which it
//! neither lists nor touches, and the dot files beside a `rootfs/`.

use std::path::{Path, PathBuf};

use super::name::Name;
use crate::host::Paths;
use crate::oci::Digest;

/// The paths of both trees, and of where only root writes.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    data: PathBuf,
    cache: PathBuf,
    trusted: PathBuf,
}

impl Layout {
    pub(super) fn new(paths: Paths) -> Layout {
        Layout { data: paths.data, cache: paths.cache, trusted: paths.trusted }
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// `containers/<name>/{rootfs/,manifest.json}`
    pub(super) fn containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    pub(super) fn container(&self, name: &Name) -> PathBuf {
        self.containers().join(name.as_str())
    }

    /// Beside the containers and so on their filesystem: a rename commits.
    pub(super) fn staging(&self) -> PathBuf {
        self.data.join("staging")
    }

    /// The Python tool's state of a container's sessions; goes with the container.
    pub(super) fn session_state(&self, name: &Name) -> PathBuf {
        self.data.join("data").join(name.as_str())
    }

    pub(super) fn lock(&self, name: &Name) -> PathBuf {
        self.locks().join(format!("{name}.lock"))
    }

    /// No record is called so: those end in `.session` or `.json`.
    pub(super) fn setup_lock(&self, name: &Name) -> PathBuf {
        self.sessions().join(format!("{name}.lock"))
    }

    pub(super) fn sessions(&self) -> PathBuf {
        self.data.join("sessions")
    }

    /// `logs/<name>.log`
    pub(super) fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// The containers to start with the machine, one a line.
    pub(super) fn autostart(&self) -> PathBuf {
        self.trusted.join("autostart")
    }

    /// The containers that are isolated, one a line.
    pub(super) fn isolated(&self) -> PathBuf {
        self.trusted.join("isolated")
    }

    /// The first of the users that a container has, one container a line.
    pub(super) fn users(&self) -> PathBuf {
        self.trusted.join("users")
    }

    /// Of all lists. No container's: those locks begin with a letter or digit.
    pub(super) fn lists_lock(&self) -> PathBuf {
        self.data.join("locks/.autostart.lock")
    }

    /// `images/`: an OCI layout.
    pub(super) fn library(&self) -> PathBuf {
        self.data.join("images")
    }

    /// No container's, as that one.
    pub(super) fn library_lock(&self) -> PathBuf {
        self.data.join("locks/.images.lock")
    }

    pub(super) fn library_index_lock(&self) -> PathBuf {
        self.data.join("locks/.images-index.lock")
    }

    /// Shared by builds while they run.
    pub(super) fn build_lock(&self) -> PathBuf {
        self.locks().join(".build.lock")
    }

    pub(super) fn locks(&self) -> PathBuf {
        self.data.join("locks")
    }

    /// What the tree of our data stands in: `$XDG_DATA_HOME`.
    pub(super) fn data_home(&self) -> &Path {
        self.data.parent().unwrap_or(&self.data)
    }

    pub(super) fn cache(&self) -> &Path {
        &self.cache
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.cache.join("oci_layers")
    }

    /// `oci_layers/<alg>_<hex>`
    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(Layout::blob_name(digest))
    }

    /// `<alg>_<hex>`
    pub(super) fn blob_name(digest: &Digest) -> String {
        format!("{}_{}", digest.algorithm().name(), digest.hex())
    }

    /// What there is of a blob that is being fetched.
    pub(super) fn partial(&self, digest: &Digest) -> PathBuf {
        let mut path = self.blob(digest).into_os_string();
        path.push(PARTIAL);
        path.into()
    }

    /// `build_trees/<hex>`: of the chain of layers that it was unpacked from.
    pub(super) fn build_tree(&self, chain: &Digest) -> PathBuf {
        self.build_trees().join(chain.hex())
    }

    pub(super) fn build_trees(&self) -> PathBuf {
        self.cache.join("build_trees")
    }

    /// `build_cache/<hex>.json`: of the step's key.
    pub(super) fn step(&self, key: &Digest) -> PathBuf {
        self.steps().join(format!("{}.json", key.hex()))
    }

    pub(super) fn steps(&self) -> PathBuf {
        self.cache.join("build_cache")
    }

    /// `build_mounts/`: what RUN keeps from one build to the next.
    pub(super) fn build_mounts(&self) -> PathBuf {
        self.cache.join("build_mounts")
    }

    /// On the filesystem of the trees.
    pub(super) fn build_scratch(&self) -> PathBuf {
        self.cache.join("build_scratch")
    }

    /// `uploads/<hex>.partial`: of what is uploaded, and where.
    pub(super) fn upload(&self, what: &str) -> PathBuf {
        let name = format!("{}{PARTIAL}", Digest::of(what.as_bytes()).hex());
        self.cache.join("uploads").join(name)
    }

    pub(super) fn images(&self) -> PathBuf {
        self.cache.join("oci_manifests")
    }

    /// `oci_manifests/<first 16 hex of sha256(key)>.json`
    pub(super) fn image(&self, key: &str) -> PathBuf {
        let hash = Digest::of(key.as_bytes());
        self.images().join(format!("{}.json", &hash.hex()[..16]))
    }
}

/// Ends the names of unfinished blobs.
pub(super) const PARTIAL: &str = ".partial";
