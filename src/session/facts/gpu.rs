//! The host's proprietary GPU drivers, whose user-space half must be the kernel half's twin: NVIDIA's own, and those of
//! WSL2. Mesa's drivers (AMD, Intel and others) are the guest's own packages and need but the nodes in /dev.

use std::path::Path;

use super::share::Shares;
use crate::guest::libraries::{DIRECTORIES, cpu, place};
use crate::rootfs::Rootfs;

/// What was found, besides sources.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gpu {
    /// Variables that make programs use it.
    pub env: &'static [(&'static str, &'static str)],
    /// Libraries were added, of which the guest's loader should know.
    pub libraries: bool,
}

const NVIDIA: &[(&str, &str)] =
    &[("__NV_PRIME_RENDER_OFFLOAD", "1"), ("__GLX_VENDOR_LIBRARY_NAME", "nvidia")];
const WSL: &[(&str, &str)] =
    &[("GALLIUM_DRIVER", "d3d12"), ("MESA_D3D12_DEFAULT_DEVICE_TYPE", "GPU"), ("LIBGL_ALWAYS_SOFTWARE", "0")];

/// Below a library directory: GBM's back end and VDPAU's driver have places of their own.
const BELOW: [&str; 3] = ["", "gbm", "vdpau"];

/// Where descriptors of drivers are: EGL, Vulkan, OpenCL.
const DESCRIPTORS: [&str; 8] = [
    "/etc/OpenCL/vendors",
    "/etc/glvnd/egl_vendor.d",
    "/etc/vulkan/icd.d",
    "/etc/vulkan/implicit_layer.d",
    "/usr/share/egl/egl_external_platform.d",
    "/usr/share/glvnd/egl_vendor.d",
    "/usr/share/vulkan/icd.d",
    "/usr/share/vulkan/implicit_layer.d",
];

const TOOLS: [&str; 8] = [
    "nvidia-bug-report.sh",
    "nvidia-cuda-mps-control",
    "nvidia-cuda-mps-server",
    "nvidia-debugdump",
    "nvidia-modprobe",
    "nvidia-persistenced",
    "nvidia-settings",
    "nvidia-smi",
];

/// Adds what there is, if the guest's programs are of the host's kind: no other could load it.
pub fn share(sources: &mut Shares<'_>, rootfs: &Rootfs, is_native: &dyn Fn() -> bool) -> Gpu {
    let host = sources.host;
    let wsl = Path::new("/usr/lib/wsl/lib");
    let is_wsl = host.file("/dev/dxg").exists() && host.file(wsl).is_dir();
    if !(is_wsl || is_nvidia(sources)) || !is_native() {
        return Gpu::default();
    }
    if is_wsl {
        sources.show_there("/dev/dxg");
        sources.show_there("/usr/lib/wsl");
        let libraries = share_libraries(sources, rootfs, wsl, "", &|_| true);
        return Gpu { env: WSL, libraries };
    }
    Gpu { env: NVIDIA, libraries: nvidia(sources, rootfs) }
}

/// A few look-ups: every session asks, and library directories are long.
fn is_nvidia(sources: &Shares<'_>) -> bool {
    let exists = |path: &Path| sources.host.file(path).exists();
    let library = |name: &str| DIRECTORIES.iter().any(|directory| exists(&Path::new(directory).join(name)));
    exists(Path::new("/dev/nvidia0"))
        || ["libcuda.so.1", "libcuda.so", "libnvidia-ml.so.1", "libnvidia-ml.so"].into_iter().any(library)
}

fn nvidia(sources: &mut Shares<'_>, rootfs: &Rootfs) -> bool {
    for directory in ["/dev", "/dev/nvidia-caps"].map(Path::new) {
        for name in sources.names(directory).iter().filter(|name| name.starts_with("nvidia")) {
            let node = directory.join(name);
            if !sources.host.file(&node).is_dir() {
                sources.show_there(node);
            }
        }
    }
    let mut libraries = false;
    // A link, such as Arch's /usr/lib64, leads to another of them.
    let own =
        |path: &Path| std::fs::symlink_metadata(sources.host.file(path)).is_ok_and(|found| found.is_dir());
    let directories: Vec<&Path> = DIRECTORIES.iter().map(Path::new).filter(|path| own(path)).collect();
    for directory in directories {
        for below in BELOW {
            libraries |= share_libraries(sources, rootfs, &directory.join(below), below, &is_driver);
        }
    }
    for directory in DESCRIPTORS.map(Path::new) {
        for name in sources.names(directory).iter().filter(|name| name.contains("nvidia")) {
            sources.show_there(directory.join(name));
        }
    }
    for settings in ["/etc/nvidia", "/usr/share/nvidia"] {
        sources.show_there(settings);
    }
    for tool in TOOLS {
        sources.show_there(Path::new("/usr/bin").join(tool));
    }
    libraries
}

/// Adds each library of the host's in `directory` that `wanted` says, at the guest's place for its machine, `below`
/// it. Whether there was one.
fn share_libraries(
    sources: &mut Shares<'_>,
    rootfs: &Rootfs,
    directory: &Path,
    below: &str,
    wanted: &dyn Fn(&str) -> bool,
) -> bool {
    let mut any = false;
    for name in sources.names(directory).iter().filter(|name| name.contains(".so") && wanted(name)) {
        let path = directory.join(name);
        if let Some(place) = cpu(&sources.host.file(&path)).and_then(|arch| place(rootfs, arch)) {
            any |= sources.show(&path, &Path::new(place).join(below).join(name), false);
        }
    }
    any
}

/// Libraries of NVIDIA's driver; its container tool is another thing, and so is CUDA's toolkit.
fn is_driver(name: &str) -> bool {
    const STEMS: [&str; 11] = [
        "libcuda.so",
        "libcudadebugger.so",
        "libnvcuvid.so",
        "libnvoptix.so",
        "libnvidia",
        "libEGL_nvidia.so",
        "libGLESv1_CM_nvidia.so",
        "libGLESv2_nvidia.so",
        "libGLX_nvidia.so",
        "libvdpau_nvidia.so",
        "nvidia-drm_gbm.so",
    ];
    STEMS.iter().any(|stem| name.starts_with(stem)) && !name.starts_with("libnvidia-container")
}
