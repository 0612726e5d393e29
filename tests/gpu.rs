//! The host's GPU driver in a session: its libraries, where the guest looks for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::prelude::*;

/// The first 20 bytes of a library for a machine, and a text.
fn library(machine: u16, text: &str) -> Vec<u8> {
    let class = if matches!(machine, 62 | 183) { 2 } else { 1 };
    let mut bytes = vec![0x7f, b'E', b'L', b'F', class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0];
    bytes.extend(machine.to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// As NVIDIA's installer leaves a Fedora-like host.
fn nvidia(m: &Machine) {
    for (minor, name) in [(0, "nvidia0"), (255, "nvidiactl")] {
        m.node(&format!("/dev/{name}"), 195, minor);
    }
    m.node("/dev/nvidia-caps/nvidia-cap1", 234, 1);
    m.node("/dev/dri/renderD128", 226, 128);
    m.file("/usr/lib64/libcuda.so.535.1", library(62, "cuda64"));
    m.link("/usr/lib64/libcuda.so.1", "libcuda.so.535.1");
    m.file("/usr/lib64/libGLX_nvidia.so.0", library(62, "glx64"));
    m.file("/usr/lib64/libnvidia-container.so.1", library(62, "not the driver"));
    m.file("/usr/lib64/libc.so.6", library(62, "the host's own"));
    m.file("/usr/lib64/libnvidia-script.so", "GROUP ( libnvidia-ml.so.1 )");
    m.file("/usr/lib64/gbm/nvidia-drm_gbm.so", library(62, "gbm"));
    m.file("/usr/lib/libcuda.so.1", library(3, "cuda32"));
    m.file("/usr/share/vulkan/icd.d/nvidia_icd.json", "{vulkan}");
    m.file("/usr/share/vulkan/icd.d/radeon_icd.json", "{}");
    m.file("/usr/share/glvnd/egl_vendor.d/10_nvidia.json", "{egl}");
    m.file("/etc/OpenCL/vendors/nvidia.icd", "libnvidia-opencl.so.1");
    m.file("/usr/share/nvidia/rules", "rules");
    m.file("/usr/bin/nvidia-smi", "#!/bin/sh\necho smi\n");
    fs::set_permissions(m.path("/usr/bin/nvidia-smi"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Gives the guest library directories, and an `ldconfig` that leaves word of what it saw.
fn distribution(m: &Machine, directories: &[&str]) {
    for directory in directories {
        fs::create_dir_all(m.rootfs().join(directory)).unwrap();
    }
    let sbin = m.rootfs().join("sbin");
    fs::create_dir_all(&sbin).unwrap();
    let script =
        "#!/bin/sh\necho \"$@ $(id -u) $(ls /usr/lib/x86_64-linux-gnu | grep -c cuda)\" > /etc/ld.so.cache\n";
    fs::write(sbin.join("ldconfig"), script).unwrap();
    fs::set_permissions(sbin.join("ldconfig"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_nvidia_driver_comes_along() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = Machine::linux(s);
        nvidia(&m);
        distribution(&m, &["usr/lib/x86_64-linux-gnu", "usr/lib/i386-linux-gnu"]);
        let triplet = "/usr/lib/x86_64-linux-gnu";
        let read = |mode: &[&str], path: &str| {
            let ran = m.login(mode, &format!("tail -c +21 {path}")).run();
            (ran.code == Some(0)).then(|| ran.out())
        };
        let isolated: &[&str] = &["--isolated", "--shared-display"];
        for mode in [&[][..], isolated] {
            let get = m.env_of(m.login(mode, "env"));
            assert_eq!(get("__NV_PRIME_RENDER_OFFLOAD").as_deref(), Some("1"), "{mode:?}");
            assert_eq!(get("__GLX_VENDOR_LIBRARY_NAME").as_deref(), Some("nvidia"), "{mode:?}");
            let text = |path: &str| read(mode, &format!("{triplet}/{path}"));
            assert_eq!(text("libcuda.so.1").as_deref(), Some("cuda64"), "{mode:?}");
            assert_eq!(text("libcuda.so.535.1").as_deref(), Some("cuda64"));
            assert_eq!(text("libGLX_nvidia.so.0").as_deref(), Some("glx64"));
            assert_eq!(text("gbm/nvidia-drm_gbm.so").as_deref(), Some("gbm"));
            assert_eq!(read(mode, "/usr/lib/i386-linux-gnu/libcuda.so.1").as_deref(), Some("cuda32"));
            for foreign in ["libc.so.6", "libnvidia-container.so.1", "libnvidia-script.so"] {
                assert_eq!(text(foreign), None, "{foreign}");
            }
            let script = "cat /usr/share/vulkan/icd.d/* /usr/share/glvnd/egl_vendor.d/10_nvidia.json \
                /etc/OpenCL/vendors/nvidia.icd /usr/share/nvidia/rules; nvidia-smi; \
                for node in nvidia0 nvidiactl nvidia-caps/nvidia-cap1 dri/renderD128; do test -c /dev/$node || echo no $node; done";
            m.login(mode, script).run().ok().prints("{vulkan}{egl}libnvidia-opencl.so.1rulessmi\n");
            // The list is renewed when the libraries are there; an isolated guest's programs never run as the host's root.
            let list = fs::read_to_string(m.rootfs().join("etc/ld.so.cache")).ok();
            let renewed = list.as_deref() == Some("-X 0 2\n");
            assert_eq!(renewed, mode.is_empty(), "{list:?}");
            let _ = fs::remove_file(m.rootfs().join("etc/ld.so.cache"));
            assert!(s.settles());
        }
        for mode in [&["--isolated"][..], &["--minimal"]] {
            let get = m.env_of(m.login(mode, "env"));
            assert_eq!(get("__GLX_VENDOR_LIBRARY_NAME"), None, "{mode:?}");
            assert_eq!(read(mode, &format!("{triplet}/libcuda.so.1")).as_deref(), Some(""), "{mode:?}");
        }
        let get = m.env_of(m.login(&["-e", "__GLX_VENDOR_LIBRARY_NAME=mesa"], "env"));
        assert_eq!(get("__GLX_VENDOR_LIBRARY_NAME").as_deref(), Some("mesa"));
        // The guest's own program may fail; the session does not.
        fs::write(m.rootfs().join("sbin/ldconfig"), "#!/bin/sh\nexit 3\n").unwrap();
        m.login(&[], "echo in").run().ok().prints("in\n").says(&["warning", "ldconfig"]);
        assert_eq!(fs::read(m.path("/usr/lib64/libcuda.so.1")).unwrap(), library(62, "cuda64"));
    });
}

#[test]
fn libraries_go_where_the_guests_distribution_has_them() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        for (wide, narrow, directories) in [
            ("/usr/lib64", Some("/usr/lib"), &["usr/lib64", "usr/lib"][..]),
            ("/usr/lib", Some("/usr/lib32"), &["usr/lib", "usr/lib32"]),
            ("/usr/lib", None, &["usr/lib"]),
        ] {
            let m = Machine::linux(s);
            nvidia(&m);
            distribution(&m, directories);
            fs::remove_file(m.rootfs().join("sbin/ldconfig")).unwrap();
            let narrow =
                narrow.map(|narrow| format!("tail -c +21 {narrow}/libcuda.so.1")).unwrap_or_default();
            let ran = m.login(&[], &format!("tail -c +21 {wide}/libcuda.so.1; {narrow}")).run().ok();
            assert_eq!(
                ran.out(),
                if narrow.is_empty() { "cuda64" } else { "cuda64cuda32" },
                "{directories:?}"
            );
            assert_eq!(ran.err(), "");
        }
    });
}

#[test]
fn wsl_has_a_gpu_of_its_own() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let m = Machine::linux(s);
        m.node("/dev/dxg", 10, 125);
        m.file("/usr/lib/wsl/lib/libd3d12.so", library(62, "d3d"));
        m.file("/usr/lib/wsl/drivers/x", "driver");
        distribution(&m, &["usr/lib/x86_64-linux-gnu"]);
        for mode in [&[][..], &["--isolated", "--shared-display"]] {
            let get = m.env_of(m.login(mode, "env"));
            assert_eq!(get("GALLIUM_DRIVER").as_deref(), Some("d3d12"), "{mode:?}");
            assert_eq!(get("MESA_D3D12_DEFAULT_DEVICE_TYPE").as_deref(), Some("GPU"));
            assert_eq!(get("LIBGL_ALWAYS_SOFTWARE").as_deref(), Some("0"));
            let script = "tail -c +21 /usr/lib/x86_64-linux-gnu/libd3d12.so; cat /usr/lib/wsl/drivers/x; test -c /dev/dxg";
            m.login(mode, script).run().ok().prints("d3ddriver");
        }
    });
}
