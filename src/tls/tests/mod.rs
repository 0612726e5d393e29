//! The provider against OpenSSL's server, and against published vectors.

mod connections;
mod pki;
