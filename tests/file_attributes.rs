//! What `copy` and `sync` do alike with a file: its permissions and attributes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use crate::support::prelude::*;

/// Who is let in by `acl(5)`: user 1234 into all that is made in the directory.
fn default_acl() -> Vec<u8> {
    let entries = [(0x01_u16, 7_u16, u32::MAX), (0x02, 7, 1234), (0x04, 5, u32::MAX), (0x10, 7, u32::MAX)];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries.into_iter().chain([(0x20, 5, u32::MAX)]) {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn what_is_copied_has_the_acl_of_its_source_and_not_one_of_the_directory_that_it_comes_to() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        fs::create_dir_all(s.path("w")).unwrap();
        for command in ["copy", "sync"] {
            let at = |path: &str| s.rootfs("c").join(command).join(path);
            fs::create_dir_all(at("")).unwrap();
            let key = "system.posix_acl_default";
            rustix::fs::setxattr(at(""), key, &default_acl(), XattrFlags::empty()).unwrap();
            fs::write(s.path("w/secret"), "x").unwrap();
            fs::set_permissions(s.path("w/secret"), fs::Permissions::from_mode(0o600)).unwrap();
            s.cd([command, "secret", &format!("c:{command}/secret")]).current_dir(s.path("w")).run().ok();
            assert_eq!(fs::metadata(at("secret")).unwrap().mode() & 0o777, 0o600, "{command}");
            let found = rustix::fs::getxattr(at("secret"), "system.posix_acl_access", &mut [0_u8; 99]);
            assert_eq!(found, Err(Errno::NODATA), "{command}");
        }
    });
}
