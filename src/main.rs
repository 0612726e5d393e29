fn main() -> std::process::ExitCode {
    chroot_distro::main()
}
