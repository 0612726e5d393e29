//! Media types of manifests, configs and layers, OCI's and Docker's.

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// How Docker's schema 1 types begin (`v1+json`, `v1+prettyjws`): refused.
pub const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+";
/// OCI image config.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer as plain tar.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A gzipped layer.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer that zstd compressed.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// How Docker names its layers: `.gzip` or `.zstd` may follow, and `.foreign` may stand in it.
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.";

/// What an OCI manifest calls a layer that `media_type` names in another one: OCI's name for Docker's.
pub fn of_layer(media_type: &str) -> &str {
    match media_type.strip_prefix(DOCKER_LAYER) {
        Some(rest) if rest.ends_with(".gzip") => OCI_LAYER_GZIP,
        Some(rest) if rest.ends_with("zstd") => OCI_LAYER_ZSTD,
        Some(_) => OCI_LAYER,
        // The Python tool's manifests may name none.
        None if media_type.is_empty() => OCI_LAYER_GZIP,
        None => media_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_layers_have_ocis_names_in_its_manifests() {
        for (docker, oci) in [
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_LAYER_GZIP),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", OCI_LAYER_GZIP),
            ("application/vnd.docker.image.rootfs.diff.tar", OCI_LAYER),
            ("application/vnd.docker.image.rootfs.diff.tar.zstd", OCI_LAYER_ZSTD),
            (OCI_LAYER_ZSTD, OCI_LAYER_ZSTD),
        ] {
            assert_eq!(of_layer(docker), oci);
        }
    }
}
