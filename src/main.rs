//! The program: everything is in the library.

fn main() -> std::process::ExitCode {
    chroot_distro::main()
}
